"""When a change of files is acted on."""

from __future__ import annotations

from pathlib import Path

from jitney.up.changes import Changes

MINE, OTHER = Path("mine.py"), Path("other.py")
OLD, HALF, NEW = (1,), (2,), (3,)


def test_nothing_is_told_while_nothing_changes() -> None:
    changes = Changes({MINE: OLD})

    told = [changes.see({MINE: OLD}) for _ in range(3)]

    assert told == [[], [], []]


def test_a_change_is_told_once_it_has_kept_still_and_once_only() -> None:
    changes = Changes({MINE: OLD})

    told = [changes.see({MINE: NEW}) for _ in range(4)]

    assert told == [[], [MINE], [], []]


def test_a_burst_of_saves_is_one_change() -> None:
    changes = Changes({MINE: OLD, OTHER: OLD})
    burst = [{MINE: HALF, OTHER: OLD}, {MINE: NEW, OTHER: OLD}, {MINE: NEW, OTHER: NEW}]

    told = [changes.see(seen) for seen in [*burst, burst[-1], burst[-1]]]

    assert told == [[], [], [], [MINE, OTHER], []]


def test_a_file_that_is_away_for_a_moment_has_not_gone() -> None:
    changes = Changes({MINE: OLD})

    told = [changes.see(seen) for seen in ({}, {MINE: NEW}, {MINE: NEW})]

    assert told == [[], [], [MINE]]


def test_what_came_and_what_went_are_changes() -> None:
    changes = Changes({MINE: OLD})

    told = [changes.see({OTHER: OLD}) for _ in range(2)]

    assert told[-1] == [MINE, OTHER]


def test_what_was_told_and_not_acted_on_is_told_again_with_the_next() -> None:
    changes = Changes({MINE: OLD, OTHER: OLD})
    changes.see({MINE: NEW, OTHER: OLD})
    assert changes.see({MINE: NEW, OTHER: OLD}) == [MINE]

    changes.see({MINE: NEW, OTHER: NEW})

    assert changes.see({MINE: NEW, OTHER: NEW}) == [MINE, OTHER]


def test_what_was_acted_on_is_what_runs() -> None:
    changes = Changes({MINE: OLD, OTHER: OLD})
    changes.see({MINE: NEW, OTHER: OLD})
    changes.see({MINE: NEW, OTHER: OLD})
    changes.acted()

    changes.see({MINE: NEW, OTHER: NEW})

    assert changes.see({MINE: NEW, OTHER: NEW}) == [OTHER]


def test_a_change_that_is_taken_back_is_none() -> None:
    changes = Changes({MINE: OLD})
    changes.see({MINE: NEW})
    changes.see({MINE: NEW})

    changes.see({MINE: OLD})

    assert changes.see({MINE: OLD}) == []
