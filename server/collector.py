"""What Prometheus reads of a front end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from broker.admin.observer import Observation
from broker.common.numbers.histogram import Histogram
from broker.common.version import jitney_version
from broker.messages import WHOLE
from server.broker_metrics import broker_metrics, gauge
from server.errors import KINDS
from server.front_end import FrontEnd
from server.history.appender import REASONS
from server.metrics import Labels

FATES = ("fate", "reason")
ROW_FATES = [("appended", ""), *(("dropped", reason) for reason in REASONS)]


def collectors(front_end: FrontEnd) -> CollectorRegistry:
    """What this front end counts, and what its process costs."""
    found = CollectorRegistry()
    found.register(FrontEndCollector(front_end))
    ProcessCollector(registry=found)
    return found


class FrontEndCollector(Collector):
    """Every metric by its name; made anew for each scrape."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end, self._version = front_end, jitney_version()

    def collect(self) -> Iterator[Metric]:
        yield from self._counted()
        yield from self._seen_now()

    def _counted(self) -> Iterator[Metric]:
        m, pending = self._front_end.metrics, self._front_end.pending
        yield _counter("http_requests", "Requests answered", ("route", "method", "status"), m.requests)
        yield _histogram("http_request_duration_seconds", "From first byte to answer", ("route",), m.durations)
        yield _histogram("request_stage_duration_seconds", "Where requests spent it", ("model", "stage"), m.stages)
        rejected = _from_zero(m.rejected, [(code,) for code in KINDS])
        yield _counter("requests_rejected", "Requests that ended in a problem", ("reason",), rejected)
        unserved = _from_zero(m.unserved, [(name,) for name in self._front_end.directory.known])
        yield _counter("requests_without_batcher", "Requests whose model had none", ("model",), unserved)
        by_caller, who = m.caller_rejected, ("caller", "reason")
        yield _counter("caller_requests_rejected", "Requests of known callers that were refused", who, by_caller)
        answered = m.answered_records
        yield _counter("records_answered", "Records that have an answer", ("model", "revision"), answered)
        yield _counter("records_failed", "Records that ended in an error", ("model", "code"), m.failed_records)
        yield _counter("unknown_tokens", "Characters that no token stands for", ("model",), m.unknown_tokens)
        yield _counter("records_truncated", "Answers or pairs cut by a limit", ("model",), m.truncated_records)
        circling = _from_zero(m.degenerate_records, [(model,) for model, _ in answered.copy()])
        yield _counter("records_degenerate", "Answers that are empty or repeat themselves", ("model",), circling)
        yield _counter("records_streamed", "Records sent as rows of a stream", ("model",), m.streamed_records)
        yield _histogram("clustering_duration_seconds", "Vectors into groups, its turn come", ("model",), m.groupings)
        yield _counter("clustered_records", "Records that were grouped", ("model",), m.grouped_records)
        yield _counter("clusters", "Groups that were made of them", ("model",), m.groups)
        yield _counter("clusterings_refused", "Requests whose threshold was too low", ("model",), m.low_thresholds)
        yield from self._traffic()
        yield _counter("predictions", "Predictions created here, and how they ended", ("state",), m.predictions)
        yield _counter("file_batches", "Batches of files created here, and how they ended", ("status",), m.batches)
        yield _counter("file_batch_lines", "Lines of batches that were answered here", ("outcome",), m.batch_lines)
        yield _counter("webhooks", "Tries to deliver a webhook, by what came of them", ("fate",), m.webhooks)
        if (history := self._front_end.history) is not None:
            fates = history.appender.fates
            yield _counter(
                "history_rows", "Rows that the broker took, or that were lost", FATES, _from_zero(fates, ROW_FATES)
            )
        adopted = self._front_end.tasks.predictions.adopted
        yield CounterMetricFamily("jitney_predictions_adopted", "Predictions that came from silent ones", adopted)
        yield CounterMetricFamily("jitney_outcomes_unclaimed", "Outcomes nobody waited for any more", pending.unclaimed)

    def _traffic(self) -> Iterator[Metric]:
        """Of models that an operator has shared out among their revisions."""
        m, whose = self._front_end.metrics, ("model", "revision")
        yield _counter("traffic_requests", "Requests by who answered", (*whose, "code"), m.by_revision)
        yield _histogram("traffic_request_duration_seconds", "From first byte to answer", whose, m.revision_durations)
        discovery = self._front_end.tasks.discovery
        shares: dict[Labels, float | None] = {
            (name, revision): parts / WHOLE
            for name, traffic in discovery.directory.traffic.items()
            for revision, parts in traffic.shares.items()
        }
        overflows = _from_zero(discovery.overflows, shares)
        yield _counter("traffic_overflows", "Requests that others got, for it had no room", whose, overflows)
        yield gauge("traffic_share_ratio", "Part of its model's requests that it is to get", whose, shares)

    def _seen_now(self) -> Iterator[Metric]:
        """What is read when it is asked for, and not counted."""
        front_end, is_up = self._front_end, not self._front_end.tasks.breaker.is_open
        held = front_end.bytes_in_hand.held
        yield GaugeMetricFamily("jitney_requests_waiting", "Requests that wait for outcomes", len(front_end.pending))
        running = len(front_end.tasks.predictions.running)
        yield GaugeMetricFamily("jitney_predictions_running", "Predictions that this front end holds", running)
        yield GaugeMetricFamily("jitney_bytes_in_hand", "Bytes of requests that arrive, are in work or go out", held)
        yield GaugeMetricFamily("jitney_broker_up", "1 while the broker answers", float(is_up))
        yield GaugeMetricFamily("jitney_draining", "1 between SIGTERM and the end", float(front_end.is_draining))
        if (history := front_end.history) is not None:
            waiting = len(history.appender.ring)
            yield GaugeMetricFamily("jitney_history_rows_waiting", "Rows that wait to be brought", waiting)
        yield from self._broker()
        yield from self._cache()
        yield from self._keys()
        built = GaugeMetricFamily("jitney_build_info", "The version of this front end", labels=("version",))
        built.add_metric((self._version,), 1)
        yield built

    def _broker(self) -> Iterator[Metric]:
        """No samples where it does not answer."""
        view, tasks = self._front_end.broker_view, self._front_end.tasks
        if view is None:
            return
        directory = tasks.discovery.directory
        seen = Observation() if tasks.breaker.is_open else view.look(directory)
        yield from broker_metrics(seen, directory)
        if self._front_end.history is not None:
            text = "Blocks of rows at the broker that wait for the history's writer"
            yield gauge("history_blocks_waiting", text, (), {(): seen.history_blocks})
            yield gauge("history_bytes_waiting", "Bytes of these blocks", (), {(): seen.history_bytes})

    def _cache(self) -> Iterator[Metric]:
        """Nothing where there is none."""
        cache = self._front_end.cache
        if cache is None:
            return
        yield _counter("cache_records", "Records by what the cache had of them", ("model", "result"), cache.records)
        yield GaugeMetricFamily("jitney_cache_bytes", "Bytes of answers that this process keeps", cache.memory.bytes)
        yield GaugeMetricFamily("jitney_cache_entries", "Answers that this process keeps", len(cache.memory))
        if (server := cache.server) is None:
            return
        yield GaugeMetricFamily("jitney_cache_server_up", "1 while the cache's server answers", float(server.is_up))
        looks: dict[Labels, int] = {("hit",): server.hits, ("miss",): server.misses, ("timeout",): server.timeouts}
        yield _counter("cache_server_looks", "Looks at the cache's server", ("result",), looks)
        lost: dict[Labels, int] = {("dropped",): server.dropped, ("error",): server.errors}
        lost["poisoned",] = cache.poisoned
        yield _counter("cache_server_lost", "Answers lost there, errors, and none of ours", ("reason",), lost)

    def _keys(self) -> Iterator[Metric]:
        """Nothing where nobody is asked for one."""
        authentication = self._front_end.authentication
        if authentication is None:
            return
        keys = authentication.keys
        known = float(len(keys.table)) if keys.table is not None else 0.0
        yield GaugeMetricFamily("jitney_keys_known", "API keys that this front end knows", known)
        if (age := keys.age) is not None:
            yield GaugeMetricFamily("jitney_keys_age_seconds", "Since they were last seen to be these", age)


def _from_zero(counts: dict[Labels, int], known: Iterable[Labels]) -> dict[Labels, int]:
    """With these at zero until they happen: `increase` does not see a series that begins with what is counted."""
    return dict.fromkeys(known, 0) | counts.copy()


def _counter(name: str, text: str, labels: Sequence[str], counts: dict[Labels, int]) -> Metric:
    family = CounterMetricFamily(f"jitney_{name}", text, labels=labels)
    for values, count in counts.copy().items():  # a copy: the event loop goes on counting
        family.add_metric(values, count)
    return family


def _histogram(name: str, text: str, labels: Sequence[str], histograms: dict[Labels, Histogram]) -> Metric:
    family = HistogramMetricFamily(f"jitney_{name}", text, labels=labels)
    for values, histogram in histograms.copy().items():
        family.add_metric(values, histogram.buckets(), histogram.total)
    return family
