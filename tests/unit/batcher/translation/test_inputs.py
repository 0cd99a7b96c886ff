"""What a translation job may say."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

pytest.importorskip("torch")

from batcher.models.contract import InvalidInput
from batcher.models.translation.inputs import InputReader, TranslationInput

READER = InputReader(vocabulary=100, longest_source=8, longest_answer=20, languages={90, 91})


def row(*source: int, **more: Any) -> dict[str, Any]:
    return {"source": array("i", source), "target": 91, **more}


def test_an_order_is_the_source_the_language_and_a_limit() -> None:
    assert READER.read(row(90, 5, 2)) == TranslationInput(
        source=array("i", [90, 5, 2]), pieces=array("i", [5]), target=91, limit=20
    )


@pytest.mark.parametrize("source", [(90, 5, 6, 2), (5, 6, 2, 90)], ids=["language first", "language last"])
def test_the_pieces_of_a_source_are_what_its_language_and_its_end_leave(source: tuple[int, ...]) -> None:
    assert list(READER.read(row(*source)).pieces) == [5, 6]


@pytest.mark.parametrize(("asked", "limit"), [(None, 20), (2, 3), (18, 19), (19, 20), (20, 20), (10**9, 20)])
def test_a_limit_counts_the_language_and_is_at_most_the_checkpoint_s(asked: int | None, limit: int) -> None:
    assert READER.read(row(90, 2, max_new_tokens=asked)).limit == limit


@pytest.mark.parametrize("tokens", [1, 8])
def test_the_shortest_and_the_longest_text_are_taken(tokens: int) -> None:
    assert len(READER.read(row(*[5] * tokens)).source) == tokens


@pytest.mark.parametrize(
    ("input", "why"),
    [
        pytest.param("text", "a source and a target", id="no row"),
        pytest.param(None, "a source and a target", id="nothing"),
        pytest.param({"target": 91}, "takes token ids", id="no source"),
        pytest.param({"source": [5, 2], "target": 91}, "takes token ids", id="a list"),
        pytest.param({"source": array("f", [5.0]), "target": 91}, "takes token ids", id="numbers that are no ids"),
        pytest.param(row(), "1 to 8 tokens, not 0", id="empty"),
        pytest.param(row(*[5] * 9), "1 to 8 tokens, not 9", id="too long"),
        pytest.param(row(5, 100), "not in the model's vocabulary", id="an id beyond the vocabulary"),
        pytest.param(row(5, -1), "not in the model's vocabulary", id="a negative id"),
        pytest.param(row(5, target=5), "not a language", id="a piece for a language"),
        pytest.param(row(5, target=[91]), "not a language", id="several languages"),
        pytest.param({"source": array("i", [5])}, "not a language", id="no language"),
        pytest.param(row(5, max_new_tokens=1), "2 or more", id="no room for a piece"),
        pytest.param(row(5, max_new_tokens="9"), "2 or more", id="a limit in words"),
        pytest.param(row(5, max_new_tokens=9.5), "2 or more", id="half a token"),
    ],
)
def test_what_can_never_be_translated_is_refused(input: Any, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        READER.read(input)
