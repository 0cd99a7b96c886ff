"""What a front end says of its own health. Alive: its tasks go on. Ready: it can answer, if only with a quick 503.

Anybody may read it, so it says that something is wrong and not where: hosts, addresses and errors stand in the log, and
`jitney status` and `jitney doctor` tell them to operators.
"""

from __future__ import annotations

from collections.abc import Sequence

from server.api.schema.service import Check, Health
from server.fleet.directory import Directory
from server.fleet.name_conflicts import differences
from server.front_end import FrontEnd
from server.requests.reader import BLOCK

READ_LATE = 3 * BLOCK  # seconds without a read that went well
READ_DEAD = 15.0  # seconds; a read on a dead connection ends by its time limits well before
TRIP_DEAD = 15.0  # seconds; the same for a trip of the writer
BEAT_DEAD = 30.0  # seconds; the same for what is brought of predictions, many times what one question may take
LOOK_DEAD = 60.0  # seconds; making the codec of a large vocabulary counts as one look
MISSED = 600.0  # seconds that a model may be gone; after them it was taken out of service on purpose


def liveness(front_end: FrontEnd) -> tuple[bool, Health]:
    """Never asks the broker: a restart would not bring it back."""
    tasks = front_end.tasks
    writing_since = tasks.writer.ticked if tasks.writer.is_busy else front_end.clock()
    beating_since = front_end.clock() if tasks.predictions.rests else tasks.predictions.ticked
    writer = _progress(front_end, "writer", writing_since, TRIP_DEAD)
    reader = _progress(front_end, "reader", tasks.reader.ticked, READ_DEAD)
    discovery = _progress(front_end, "discovery", tasks.discovery.ticked, LOOK_DEAD)
    checks = [writer, reader, discovery, _progress(front_end, "predictions", beating_since, BEAT_DEAD)]
    is_alive = all(check.ok for check in checks)
    return is_alive, Health("ok" if is_alive else "failed", checks)


def readiness(front_end: FrontEnd) -> tuple[bool, Health]:
    """Unready only while draining, or before the broker was ever met; without broker or batcher it is degraded."""
    met = front_end.tasks.discovery.has_met_broker
    checks = [
        _broker(front_end),
        _progress(front_end, "reader", front_end.tasks.reader.succeeded, READ_LATE, "read well"),
        *_keys(front_end),
        *_models(front_end),
    ]
    if front_end.is_draining:
        return False, Health("draining", [*checks, Check("draining", False, "ending: send requests elsewhere")])
    return met, Health("ok" if all(check.ok for check in checks) else "degraded", checks)


def _progress(front_end: FrontEnd, task: str, ticked: float, limit: float, done: str = "turned") -> Check:
    age = front_end.clock() - ticked
    return Check(task, age <= limit, f"last {done} {age:.1f} s ago")


def _broker(front_end: FrontEnd) -> Check:
    """One failed look is enough to say so: the circuit breaker waits for a second one, which on a half-open connection
    comes seconds later."""
    discovery = front_end.tasks.discovery
    if discovery.absence is None and not front_end.tasks.breaker.is_open:
        return Check("broker", True, "answers")
    said = "does not answer" if discovery.has_met_broker else "has not been met yet"
    if discovery.absence is None:
        return Check("broker", False, said)
    return Check("broker", False, f"{said}, for {front_end.clock() - discovery.absence.since:.0f} s")


def _keys(front_end: FrontEnd) -> Sequence[Check]:
    if front_end.authentication is None:
        return []
    complaint = front_end.authentication.keys.complaint
    return [Check("keys", not complaint, complaint or "known")]


def _models(front_end: FrontEnd) -> Sequence[Check]:
    directory, now = front_end.tasks.discovery.directory, front_end.clock()
    if not directory.listed:
        return [Check("models", False, "no batcher has announced one yet")]
    models = [_model(directory, name, now) for name in sorted(directory.listed)]
    return [*models, *_missing_defaults(directory), *_taken_names(directory)]


def _model(directory: Directory, name: str, now: float) -> Check:
    """A model that is gone is a failure for a while only, else one that was taken out of service would be so for ever.
    But a front end without any live model can compute nothing, so there it stays a failure."""
    status = directory.listed[name].status
    away = now - directory.missing_since.get(name, now)
    is_missed = away < MISSED or not directory.served
    if status == "gone" and not is_missed:
        return Check(f"model {name}", True, f"gone for {away:.0f} s, missed no longer")
    cards = directory.rivals.get(name, ())
    differing = differences(cards)
    if differing:
        status = f"{status}, in {len(cards)} revisions that differ in {', '.join(differing)}: two models of one name?"
    return Check(f"model {name}", status == "live", status)


def _missing_defaults(directory: Directory) -> Sequence[Check]:
    """Tasks with live models, none of which answers a request that names none."""
    tasks = sorted({served.card.task for served in directory.served.values()})
    return [
        Check(f"default of {task}", False, f"{name} does not live: requests that name no model are refused")
        for task in tasks
        if (name := directory.default(task)) is not None and not directory.is_served(task, name)
    ]


def _taken_names(directory: Directory) -> Sequence[Check]:
    return [
        Check(f"name {card.name}", False, f"is taken: a second model, for {card.task}, needs another")
        for card in directory.turned_away
    ]
