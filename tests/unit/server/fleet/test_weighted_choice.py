"""Which revision answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest

from server.fleet.weighted_choice import choose


@dataclass(frozen=True)
class Revision:
    name: str
    room: int


@pytest.mark.parametrize(
    "rooms",
    [(64, 256), (1, 1), (4, 8, 64), (1, 256)],
    ids=["one new beside four old", "two alike", "three", "one that is hardly there"],
)
@pytest.mark.parametrize("first", [0, 7, 10**9])
def test_every_run_of_requests_is_dealt_out_by_room(rooms: tuple[int, ...], first: int) -> None:
    revisions = [Revision(str(number), room) for number, room in enumerate(rooms)]

    dealt = Counter(choose(revisions, first + turn).name for turn in range(100))

    for one in revisions:
        assert dealt[one.name] == pytest.approx(100 * one.room / sum(rooms), abs=3)


@pytest.mark.parametrize("rooms", [(64, 256), (1, 1), (4, 8, 64)])
def test_a_short_run_of_requests_is_dealt_out_as_evenly(rooms: tuple[int, ...]) -> None:
    revisions = [Revision(str(number), room) for number, room in enumerate(rooms)]

    for first in range(300):
        dealt = Counter(choose(revisions, first + turn).name for turn in range(20))
        assert all(abs(dealt[one.name] - 20 * one.room / sum(rooms)) < 1.5 for one in revisions)


def test_a_revision_alone_gets_everything() -> None:
    alone = Revision("only", 64)

    assert {choose([alone], turn) for turn in range(10)} == {alone}
