"""A network that fails where a test says so: for one bad language, or where too much is computed at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from batcher.models.spec import LoadedModel
from batcher.models.translation.attention import DecodeState
from tests.models import tiny
from tests.models.in_flight import LANGUAGES, Answers, Row, engine_of, load, mixed_rows, numbered
from tests.models.oracle import source

BAD = LANGUAGES[99]  # no other row is of this language
LONGEST = 120  # tokens of an answer
NO_MEMORY = "DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."


class World:
    def __init__(self, directory: Path) -> None:
        shape = {"max_position_embeddings": 400}
        self.model: LoadedModel = load(tiny.translation(directory, seed=3, max_length=LONGEST, shape=shape))
        rows = mixed_rows(random.Random(3), 100, limits=1.0)
        self.rows = [row for row in rows if BAD not in (row["target"], *row["source"])][:64]
        self.answers: Answers = numbered(self.model.forward(self.rows))
        self.network = engine_of(self.model)._network


class FailingCall:
    """Raises where `fails_on` says so; counts how often."""

    def __init__(self, computed: Callable[..., Any], fails_on: Callable[[Any], bool], error: Exception) -> None:
        self._computed, self._fails_on, self._error = computed, fails_on, error
        self.raised = self.passed = 0

    def __call__(self, first: Any, *others: Any) -> Any:
        if self._fails_on(first):
            self.raised += 1
            raise self._error
        self.passed += 1
        return self._computed(first, *others)


def no_memory() -> Exception:
    return RuntimeError(NO_MEMORY)


def fail(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    fails_on: Callable[[Any], bool],
    error: Exception | None = None,
) -> FailingCall:
    """A method of the network raises, until the test ends, where `fails_on` its first argument."""
    failing = FailingCall(getattr(world.network, method), fails_on, error or ZeroDivisionError("secret"))
    monkeypatch.setattr(world.network, method, failing)
    return failing


def encodes_bad(sources: Sequence[Sequence[int]]) -> bool:
    return any(BAD in text for text in sources)


def decodes_bad(states: Sequence[DecodeState]) -> bool:
    return any(bool((state.tokens == BAD).any()) for state in states)


def tokens_above(limit: int) -> Callable[[Any], bool]:
    return lambda sources: sum(map(len, sources)) > limit


def rows_above(limit: int) -> Callable[[Any], bool]:
    return lambda states: sum(state.rows for state in states) > limit


ALWAYS: Callable[[Any], bool] = lambda _: True  # noqa: E731


def with_bad(rows: Sequence[Row], *places: int) -> list[Row]:
    """These rows, of which some are of the bad language."""
    return [
        {"source": source(BAD, [5, 6, 7]), "target": BAD} if number in places else row
        for number, row in enumerate(rows)
    ]


def without(answers: Answers, *places: int) -> Answers:
    return {id: answer for id, answer in answers.items() if int(id) not in places}
