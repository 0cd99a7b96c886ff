"""What a front end says of its own health. Alive: its tasks turn. Ready: it can answer, if only with a quick 503."""

from __future__ import annotations

from collections.abc import Sequence

from server.front_end import FrontEnd
from server.reader import BLOCK
from server.schema import Check, Health

READ_LATE = 3 * BLOCK  # seconds without a completed read: worth a word
READ_DEAD = 15.0  # seconds; a read on a dead connection ends by its time limits well before
TRIP_DEAD = 15.0  # seconds; the same for a trip that is away
LOOK_DEAD = 60.0  # seconds; making the codec of a large vocabulary counts as one look


def liveness(front_end: FrontEnd) -> tuple[bool, Health]:
    """Never asks the broker: a restart would not bring it back."""
    link = front_end.link
    writer = _turns(front_end, "writer", link.writer.ticked if link.writer.is_away else front_end.clock(), TRIP_DEAD)
    reader = _turns(front_end, "reader", link.reader.ticked, READ_DEAD)
    checks = [writer, reader, _turns(front_end, "registry", link.registry.ticked, LOOK_DEAD)]
    is_alive = all(check.ok for check in checks)
    return is_alive, Health("ok" if is_alive else "failed", checks)


def readiness(front_end: FrontEnd) -> tuple[bool, Health]:
    """Unready only while draining, or before the broker was ever met; without broker or batcher it is degraded."""
    met = front_end.link.registry.has_met_broker
    checks = [
        _broker(front_end),
        _turns(front_end, "reader", front_end.link.reader.ticked, READ_LATE),
        *_models(front_end),
    ]
    if front_end.is_draining:
        return False, Health("draining", [*checks, Check("draining", False, "ending: send requests elsewhere")])
    return met, Health("ok" if all(check.ok for check in checks) else "degraded", checks)


def _turns(front_end: FrontEnd, task: str, ticked: float, limit: float) -> Check:
    age = front_end.clock() - ticked
    return Check(task, age <= limit, f"last turned {age:.1f} s ago")


def _broker(front_end: FrontEnd) -> Check:
    if front_end.door.is_open:
        return Check("broker", True, "answers")
    met = front_end.link.registry.has_met_broker
    return Check("broker", False, "does not answer" if met else "has not been met yet")


def _models(front_end: FrontEnd) -> Sequence[Check]:
    listed = front_end.link.registry.directory.listed
    if not listed:
        return [Check("models", False, "no batcher has announced one yet")]
    return [Check(f"model {name}", listed[name].status == "live", listed[name].status) for name in sorted(listed)]
