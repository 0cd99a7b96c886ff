"""The broker's queues, memory and batchers as Prometheus reads them of a front end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric

from broker.admin.observer import Observation, ObservedModel
from broker.messages import Lane
from server.fleet.directory import Directory
from server.metrics import Labels

MODEL = ("model", "revision")
LANE = (*MODEL, "lane")


def broker_metrics(seen: Observation, directory: Directory) -> Iterator[Metric]:
    """Every front end says the same: who adds them up counts them several times."""
    lanes = {(*_labels(key), lane.value): model.lanes[lane] for key, model in seen.models.items() for lane in Lane}
    yield gauge("queue_jobs", "Jobs that wait at the broker", LANE, {at: one.jobs for at, one in lanes.items()})
    yield gauge("queue_tokens", "Tokens of these jobs", LANE, {at: one.tokens for at, one in lanes.items()})
    ages = {at: one.oldest_age for at, one in lanes.items()}
    yield gauge("queue_oldest_age_seconds", "How long the oldest of them has waited; 0: none waits", LANE, ages)
    models = {_labels(key): model for key, model in seen.models.items()}
    yield _of_models("suspect_jobs", "Jobs whose batch crashed, to be tried again", models, "suspects")
    yield _of_models("claimed_jobs", "Jobs in batches that batchers have claimed", models, "claimed")
    yield _of_models("dead_letters", "Jobs that crashed a batcher three times and are kept", models, "dead")
    yield gauge("batchers", "Batchers that front ends count on", MODEL, _batchers(seen, directory))
    yield gauge("broker_memory_bytes", "Memory that the broker's server uses", (), {(): seen.memory})
    most = seen.max_memory or None
    yield gauge("broker_memory_limit_bytes", "Memory that it may use; none: it has no bound", (), {(): most})


def gauge(name: str, text: str, labels: Labels, values: Mapping[Labels, float | None]) -> Metric:
    """None has no sample: it could not be read."""
    family = GaugeMetricFamily(f"jitney_{name}", text, labels=labels)
    for at, value in values.items():
        if value is not None:
            family.add_metric(at, value)
    return family


def _of_models(name: str, text: str, models: Mapping[Labels, ObservedModel], what: str) -> Metric:
    return gauge(name, text, MODEL, {at: getattr(model, what) for at, model in models.items()})


def _batchers(seen: Observation, directory: Directory) -> dict[Labels, float | None]:
    """Zero for a model that had some: that is what somebody wants to know. None while the broker is away: the directory
    keeps what it knew."""
    live = {one.card.key: one.batchers for listed in directory.listed.values() for one in listed.revisions}
    return {_labels(key): live.get(key, 0) for key in seen.models}


def _labels(key: str) -> Labels:
    name, _, revision = key.rpartition("@")
    return name, revision
