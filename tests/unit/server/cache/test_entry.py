"""Answers as they lie on a server: what was changed there is none of ours."""

from __future__ import annotations

import pytest

from server.cache.entry import Entry, Sealed, entry_of_problem
from server.errors import Problem

NAME, OTHER = b"n" * 16, b"o" * 16
SEALED = Sealed(b"a secret")
ENTRY = Entry(b'{"text":"x"}', 3, 1.0, 2.0)


def test_an_entry_comes_back_as_it_was() -> None:
    assert SEALED.open(NAME, SEALED.close(NAME, ENTRY)) == ENTRY


def test_a_problem_comes_back_with_its_extras() -> None:
    kept = entry_of_problem(Problem("unknown_language", "no xx", languages=["en"]), 1.0, 2.0)

    found = SEALED.open(NAME, SEALED.close(NAME, kept))

    assert found is not None and found.problem is not None
    assert (found.problem.code, found.problem.detail, found.problem.extra) == (
        "unknown_language",
        "no xx",
        {"languages": ["en"]},
    )


@pytest.mark.parametrize("place", range(0, 40, 3))
def test_a_changed_byte_is_noticed(place: int) -> None:
    data = bytearray(SEALED.close(NAME, ENTRY))
    data[place % len(data)] ^= 1

    assert SEALED.open(NAME, bytes(data)) is None


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 16, b"garbage" * 100])
def test_garbage_is_no_entry(data: bytes) -> None:
    assert SEALED.open(NAME, data) is None


def test_an_entry_under_another_name_or_of_another_deployment_is_none() -> None:
    data = SEALED.close(NAME, ENTRY)

    assert SEALED.open(OTHER, data) is None
    assert Sealed(b"another").open(NAME, data) is None
