"""Greedy search: the likeliest token, until the end, a limit, or where it gives up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

pytest.importorskip("torch")
import torch

from batcher.models.translation.search.degeneration import is_cyclic
from batcher.models.translation.search.greedy import GreedySearch

END, PADDING, VOCABULARY = 2, 1, 10


def says(search: GreedySearch, slots: Sequence[int], tokens: Sequence[int]) -> list[int]:
    """One step in which these slots say these; the members that ended."""
    step = search.step(slots, torch.nn.functional.one_hot(torch.tensor(tokens), VOCABULARY).float())
    assert step.tokens.tolist() == list(tokens) and step.parents is None
    return list(step.ended)


def search_of(*limits: int) -> GreedySearch:
    search = GreedySearch(end=END, padding=PADDING)
    for slot, limit in enumerate(limits):
        search.join(slot, language=9, limit=limit)
    return search


def test_a_slot_ends_with_the_end_which_is_no_piece() -> None:
    search = search_of(20, 20)

    assert says(search, [0, 1], [5, 6]) == []
    assert says(search, [0, 1], [7, END]) == [1]
    assert (search.answer(0), search.answer(1)) == ([5, 7], [6])


def test_a_slot_ends_at_its_limit_which_counts_start_and_language() -> None:
    search = search_of(3, 4)

    assert says(search, [0, 1], [5, 5]) == [0]
    assert says(search, [1], [6]) == [0]
    assert (search.answer(0), search.answer(1)) == ([5], [5, 6])


def test_padding_counts_and_is_no_piece() -> None:
    search = search_of(4)

    assert says(search, [0], [PADDING]) == []
    assert says(search, [0], [6]) == [0]
    assert search.answer(0) == [6]


def test_a_slot_that_moves_takes_its_pieces_along() -> None:
    search = search_of(20, 20, 20)
    says(search, [0, 1, 2], [5, 6, 7])

    search.move(2, 0)
    says(search, [1, 0], [8, 9])

    assert (search.answer(0), search.answer(1)) == ([7, 9], [6, 8])


def test_a_slot_that_is_taken_again_begins_with_nothing() -> None:
    search = search_of(20)
    says(search, [0], [5])

    search.join(0, language=9, limit=20)

    assert search.answer(0) == []


def test_a_search_that_gives_up_ends_with_what_it_said() -> None:
    search = GreedySearch(end=END, padding=PADDING, gives_up=lambda pieces: list(pieces[-2:]) == [5, 5])
    search.join(0, language=9, limit=20)

    assert says(search, [0], [5]) == []
    assert says(search, [0], [5]) == [0]
    assert search.answer(0) == [5, 5]


def test_it_cannot_be_told_not_to_repeat() -> None:
    with pytest.raises(ValueError, match="beams can be told not to"):
        search_of().join(0, language=9, limit=20, no_repeat=3)


def test_padding_between_the_pieces_of_a_cycle_does_not_hide_it() -> None:
    search = GreedySearch(end=END, padding=PADDING, gives_up=is_cyclic)
    search.join(0, language=9, limit=200)

    steps = next(step for step in range(100) if says(search, [0], [PADDING if step % 2 else 5]))

    assert is_cyclic(search.answer(0)), f"given up after {steps} steps"
