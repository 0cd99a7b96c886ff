"""What `jitney status` shows of a snapshot: lines for people, a mapping for programs. Pure."""

from __future__ import annotations

import textwrap
import time
from dataclasses import asdict
from typing import Any

from broker.admin.overview import (
    BatcherOverview,
    HistoryOverview,
    ModelOverview,
    PredictionsOverview,
    WebhooksOverview,
    WebhookTry,
)
from broker.facts import Facts
from broker.history.contract import MOST_BYTES
from broker.keys import PROTOCOL
from broker.messages import Presence, Speed
from jitney.admin.alerts import alerts
from jitney.admin.callers import caller_lines, callers_facts, callers_heading, turn_lines
from jitney.admin.findings import Mark, of_facts
from jitney.admin.snapshot import Snapshot
from jitney.admin.tables import NONE, count, printable, seconds, size, table
from jitney.traffic.shown import traffic_facts, traffic_lines

NO_MODEL = "No batcher has announced a model here. Start one: python -m batcher --model SPEC"
NOTED = 8  # alerts that are shown; serious ones come first
QUEUES = ("MODEL", "LANE", "JOBS", "TOKENS", "BYTES", "OLDEST")
CLAIMED = ("MODEL", "LIVE", "LEASES", "JOBS", "STAGED", "EXPIRY", "SUSPECTS", "DEAD")
SLOS = ("HOST", "BATCHER", "MODEL", "SLO P99", "MEASURED", "BATCH NOW", "AT MOST")
WEBHOOKS = ("WEBHOOK OF", "TO", "FATE", "STATUS", "TRY", "AGO")
BATCHERS = ("HOST", "BATCHER", "MODEL", "BATCH OF n TAKES", "ROOM", "BEAT", "JITNEY", "PROTOCOL")


def status_lines(seen: Snapshot, width: int | None) -> list[str]:
    """For a terminal this wide; None is as wide as it takes. What somebody should look at stands first: it is seen even
    where the window is low."""
    models = seen.overview.models
    lines = [part for line in [*_heading(seen), *_notes(seen)] for part in _wrap(line, width)]
    if not models:
        lines += ["", NO_MODEL]
    else:
        lines += ["", *table(QUEUES, [row for model in models for row in _queues(model)], names=2, width=width)]
        lines += turn_lines(seen.overview, width)
        lines += ["", *table(CLAIMED, [_claimed(model) for model in models], names=1, width=width)]
    if shared := traffic_lines(seen.overview, seen.overview.traffic, width):
        lines += ["", *shared]
    lines += caller_lines(seen.overview.callers, width, seen.overview.now)
    if seen.overview.batchers:
        lines += ["", *table(BATCHERS, [_batcher(one) for one in seen.overview.batchers], names=3, width=width)]
    if slos := [row for one in seen.overview.batchers for row in _slo(one)]:
        lines += ["", *table(SLOS, slos, names=3, width=width)]
    if tries := [_webhook(one, seen.overview.now) for one in seen.overview.webhooks.tries]:
        lines += ["", *table(WEBHOOKS, tries, names=3, width=width)]
    return [printable(line[:width]) for line in lines]


def _notes(seen: Snapshot) -> list[str]:
    notes = [f"! {one.about}: {one.said}; {one.remedy}" for one in of_facts(seen.facts) if one.mark is Mark.FAIL]
    if seen.cache is not None and seen.cache.mark is not Mark.OK:
        notes.append(f"! cache: {seen.cache.said}; {seen.cache.remedy}")
    notes += [f"! {alert.about}: {alert.said}" for alert in alerts(seen.overview)]
    more = len(notes) - NOTED
    return [*notes[:NOTED], *([f"! and {more} more: jitney doctor shows all of them"] if more > 0 else [])]


def _wrap(line: str, width: int | None) -> list[str]:
    return [line] if width is None else textwrap.wrap(line, width, subsequent_indent="  ")


def _heading(seen: Snapshot) -> list[str]:
    facts, overview = seen.facts, seen.overview
    kind = f"{facts.kind} {facts.version}" if facts.kind else "(INFO is denied)"
    clock = time.strftime("%H:%M:%S UTC", time.gmtime(overview.now))
    moment = f"epoch {overview.epoch or NONE} · {clock} on the broker's clock"
    return [
        f"broker     {seen.address} · {kind}{_memory(facts)}",
        f"namespace  {seen.namespace} · protocol {PROTOCOL} · {moment}",
        *_predictions(overview.predictions),
        *_webhooks(overview.webhooks),
        *callers_heading(overview.callers),
        *_history(overview.history),
        *([f"cache      {seen.cache.said}"] if seen.cache is not None and seen.cache.mark is Mark.OK else []),
    ]


def _predictions(seen: PredictionsOverview) -> list[str]:
    """Nothing where there is none."""
    said = f"predictions {count(seen.open)} open · {count(seen.kept)} kept · {size(seen.bytes)}"
    return [said] if seen.kept or seen.open else []


def _webhooks(seen: WebhooksOverview) -> list[str]:
    """The same; what became of tries was counted since a week was without one."""
    fates = [f"{count(tries)} {fate}" for fate, tries in sorted(seen.fates.items())]
    return [" · ".join([f"webhooks   {count(seen.due)} due", *fates])] if seen.due or fates else []


def _history(seen: HistoryOverview) -> list[str]:
    """The same."""
    if not (seen.waiting or seen.writer or seen.dropped):
        return []
    said = [f"history    {count(seen.waiting)} blocks wait: {size(seen.bytes)} of {size(MOST_BYTES)}"]
    if seen.writer:
        beat = seconds(max(0.0, seen.beat_age))
        said.append(f"{count(seen.written)} rows written to {seen.database} · beat {beat} ago")
    said += [f"{count(seen.dropped)} rows dropped"] * bool(seen.dropped)
    return [" · ".join(said)]


def _webhook(one: WebhookTry, now: float) -> list[str]:
    status = str(one.status) if one.status else NONE
    return [one.prediction, one.host, one.fate, status, str(one.tries), seconds(max(0.0, now - one.at))]


def _memory(facts: Facts) -> str:
    if not facts.kind:
        return ""
    bound = f" of {size(facts.max_memory)}" if facts.max_memory else ""
    return f" · {size(facts.memory)}{bound} · {facts.policy} · AOF {'on' if facts.is_durable else 'off'}"


def _queues(model: ModelOverview) -> list[list[str]]:
    rows = []
    for at, lane in enumerate(model.lanes):
        oldest = seconds(lane.oldest_age) if lane.jobs > 0 else NONE
        held = size(lane.bytes) if lane.bytes >= 0 else count(lane.bytes)
        rows.append([model.key if at == 0 else "", lane.lane.value, count(lane.jobs), count(lane.tokens), held, oldest])
    return rows


def _claimed(model: ModelOverview) -> list[str]:
    leases = model.leases
    jobs = f"{leases.jobs}+" if leases.looked_into < leases.batches else count(leases.jobs)
    expiry = NONE if leases.batches <= 0 else seconds(leases.soonest_expiry)
    numbers = [str(model.batchers), count(leases.batches), jobs, str(leases.staged), expiry]
    return [model.key, *numbers, count(model.suspects), count(model.dead)]


def _batcher(one: BatcherOverview) -> list[str]:
    presence = one.presence
    cells = [*_who(presence), _speed(presence.speed), str(presence.room), seconds(one.beat_age)]
    return [*cells, presence.software or NONE, str(presence.protocol or NONE)]


def _slo(one: BatcherOverview) -> list[list[str]]:
    """A row where it sizes its batches itself; none where it does not."""
    slo, limits = one.presence.slo, one.presence.limits
    if slo is None:
        return []
    p99 = _milliseconds(slo.p99) if slo.p99 else NONE
    most = str(limits.max_batch_size) if limits is not None else NONE
    return [[*_who(one.presence), _milliseconds(slo.bound), p99, str(slo.size), most]]


def _who(presence: Presence) -> list[str]:
    return [presence.host, presence.batcher.removeprefix(f"{presence.host}-"), presence.model]


def _milliseconds(value: float) -> str:
    return f"{value * 1000:.0f} ms"


def _speed(speed: Speed) -> str:
    if not speed.fixed and not speed.per_job:
        return "not measured yet"
    return f"{speed.fixed * 1000:.1f} + {speed.per_job * 1000:.2f}·n ms"


def status_facts(seen: Snapshot) -> dict[str, Any]:
    """The same for `--json`; times in seconds."""
    facts, overview = seen.facts, seen.overview
    return {
        "broker": {
            "url": seen.address,
            "kind": facts.kind,
            "version": facts.version,
            "memory_bytes": facts.memory,
            "max_memory_bytes": facts.max_memory,
            "policy": facts.policy,
            "durable": facts.is_durable,
        },
        "namespace": seen.namespace,
        "protocol": PROTOCOL,
        "other_protocols": list(overview.other_protocols),
        "epoch": overview.epoch,
        "now": overview.now,
        "cache": None if seen.cache is None else asdict(seen.cache),
        "models": [_model_facts(model) for model in overview.models],
        "traffic": traffic_facts(overview, overview.traffic),
        "batchers": [_batcher_facts(one) for one in overview.batchers],
        "predictions": asdict(overview.predictions),
        "webhooks": asdict(overview.webhooks),
        "callers": callers_facts(overview.callers),
        "history": asdict(overview.history),
        "worries": [{"about": alert.about, "said": alert.said} for alert in alerts(overview)],
        "complete": overview.is_complete and not overview.left_out,
    }


def _model_facts(model: ModelOverview) -> dict[str, Any]:
    return {
        "model": model.key,
        "task": model.card.task if model.card else None,
        "batchers": model.batchers,
        "lanes": {
            lane.lane.value: {
                "jobs": lane.jobs,
                "tokens": lane.tokens,
                "bytes": lane.bytes,
                "oldest_age": lane.oldest_age,
                "lists": list(lane.lists),
            }
            for lane in model.lanes
        },
        "suspects": model.suspects,
        "leases": {
            "batches": model.leases.batches,
            "jobs": model.leases.jobs,
            "staged": model.leases.staged,
            "soonest_expiry": model.leases.soonest_expiry if model.leases.batches > 0 else None,
        },
        "dead": model.dead,
    }


def _batcher_facts(one: BatcherOverview) -> dict[str, Any]:
    presence = one.presence
    return {
        "batcher": presence.batcher,
        "host": presence.host,
        "model": presence.model,
        "speed": {"fixed": presence.speed.fixed, "per_job": presence.speed.per_job},
        "room": presence.room,
        "beat_age": one.beat_age,
        "live": one.is_live,
        "software": presence.software,
        "protocol": presence.protocol,
        "limits": asdict(presence.limits) if presence.limits is not None else None,
        "slo": asdict(presence.slo) if presence.slo is not None else None,
    }
