"""The keys table: one hash tag, no two entries that meet."""

from __future__ import annotations

import pytest

from broker.keys import PROTOCOL, Keys
from broker.messages import Lane

KEYS = Keys("house")
MODEL = "m2m100@r1"


def every_key(keys: Keys) -> list[str]:
    by_model = [keys.suspects, keys.wake, keys.leases, keys.dead]
    by_name = [keys.lease, keys.body, keys.reply, keys.bell, keys.admit, keys.cancel, keys.limits, keys.artifact]
    lanes = [of(MODEL, lane) for of in (keys.queue, keys.tokens, keys.lane_bytes) for lane in Lane]
    return [*lanes, *(of(MODEL) for of in (*by_model, *by_name)), keys.cards, keys.batchers, keys.epoch]


def test_all_keys_of_a_namespace_share_one_hash_tag_and_the_version_of_the_protocol() -> None:
    assert all(key.startswith(f"jitney:{{house}}:{PROTOCOL}:") for key in every_key(KEYS))


def test_no_two_entries_of_the_table_meet() -> None:
    keys = every_key(KEYS)

    assert len(set(keys)) == len(keys)


def test_namespaces_share_no_key() -> None:
    assert not set(every_key(KEYS)) & set(every_key(Keys("other")))


def test_the_lanes_of_a_model_are_two_queues() -> None:
    assert KEYS.queue(MODEL, Lane.INTERACTIVE) == f"jitney:{{house}}:{PROTOCOL}:q:m2m100@r1:interactive"
    assert KEYS.queue(MODEL, Lane.BULK) == f"jitney:{{house}}:{PROTOCOL}:q:m2m100@r1:bulk"


def test_revisions_of_a_model_share_no_queue() -> None:
    assert KEYS.queue("m2m100@r1", Lane.BULK) != KEYS.queue("m2m100@r2", Lane.BULK)


@pytest.mark.parametrize(
    ("key", "protocol"),
    [
        ("jitney:{house}:q:m@1:bulk", 1),
        ("jitney:{house}:epoch", 1),
        ("jitney:{house}:2:epoch", 2),
        ("jitney:{house}:3:q:m@1:bulk", 3),
        ("jitney:{house}:7", 1),
        ("jitney:{house}:keys", PROTOCOL),
        ("jitney:{house}:keys:x", 1),
        ("jitney:{house}:history", PROTOCOL),
        ("jitney:{house}:history:state", PROTOCOL),
        (f"jitney:{{house}}:{'9' * 5000}:epoch", 1),
    ],
)
def test_a_key_tells_which_protocol_wrote_it(key: str, protocol: int) -> None:
    assert KEYS.protocol_of(key) == protocol
