"""A bounded memory of answers."""

from __future__ import annotations

import sys

from server.cache.entry import OVERHEAD, Entry, entry_of_problem
from server.cache.memory import AnswerMemory
from server.errors import Problem


def entry(size: int = 0, ends: float = 10.0) -> Entry:
    return Entry(b"x" * size, 0, 0.0, ends)


def test_an_entry_ends_with_its_time() -> None:
    memory = AnswerMemory(100_000)
    memory.put(b"a", entry(ends=5.0))

    assert memory.get(b"a", 4.9) is not None
    assert memory.get(b"a", 5.0) is None
    assert (len(memory), memory.bytes) == (0, 0)


def test_those_wanted_least_recently_go_when_there_are_too_many_bytes() -> None:
    memory = AnswerMemory(10 * OVERHEAD)
    for number in range(10):
        memory.put(b"%d" % number, entry())
    memory.get(b"0", 0.0)
    memory.put(b"new", entry())

    assert memory.get(b"1", 0.0) is None
    assert memory.get(b"0", 0.0) is not None
    assert memory.bytes == 10 * OVERHEAD


def test_one_that_would_push_out_many_is_not_kept_and_the_older_one_goes() -> None:
    memory = AnswerMemory(80 * OVERHEAD)
    memory.put(b"a", entry())
    memory.put(b"a", entry(10 * OVERHEAD))

    assert memory.get(b"a", 0.0) is None
    assert memory.bytes == 0


def test_an_entry_in_the_place_of_another_counts_once() -> None:
    memory = AnswerMemory(100_000)
    memory.put(b"a", entry(100))
    memory.put(b"a", entry(200))

    assert memory.bytes == OVERHEAD + 200


def test_a_problem_takes_the_room_of_what_it_says() -> None:
    languages = [f"language {number}" for number in range(1000)]
    problem = entry_of_problem(Problem("unknown_language", "There is none.", languages=languages), 0.0, 10.0)

    assert problem.size > sum(map(sys.getsizeof, languages))
