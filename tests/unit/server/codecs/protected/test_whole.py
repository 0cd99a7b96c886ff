"""The sentences that `python -m benchmarks protected` measures: whole, whatever a model says."""

from __future__ import annotations

import json
import random
from array import array
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from benchmarks.parts.protected import Sentence, sentences, stand
from broker.messages import ModelCard
from server.codecs.translation.m2m100 import M2M100Codec

DEMO = Path(__file__).parents[5] / "demo" / "translation"
FILES = {name: (DEMO / name).read_bytes() for name in ("sentencepiece.bpe.model", "vocab.json")}
NOTES = json.loads((DEMO / "jitney.json").read_text(encoding="utf-8"))
WORDS = len(json.loads(FILES["vocab.json"]))


@cache
def codec(*, has_markers: bool) -> M2M100Codec:
    options = {"language_ids": {code: WORDS + number for number, code in enumerate(NOTES["languages"])}}
    options |= {"markers": NOTES["markers"]} if has_markers else {}
    return M2M100Codec(ModelCard(name="demo", task="translation", codec="m2m100", revision="1", options=options), FILES)


def test_there_are_two_hundred_of_them_and_more_in_all_languages() -> None:
    assert len(sentences()) >= 200
    assert min(Counter(one.language for one in sentences()).values()) >= 36


@pytest.mark.parametrize("has_markers", [True, False])
@pytest.mark.parametrize("one", sentences(), ids=lambda one: f"{one.language} {one.text}")
def test_every_part_stands_in_the_answer_of_a_model_that_talks_nonsense(one: Sentence, has_markers: bool) -> None:
    chance = random.Random(one.text)
    for target in NOTES["languages"]:
        options = {"fromLang": one.language, "toLang": target, "glossary": one.glossary}
        plan = codec(has_markers=has_markers).encode(one.text, options)
        outputs = [array("i", chance.choices(range(WORDS), k=chance.randrange(12))) for _ in plan.pieces]

        answer = codec(has_markers=has_markers).decode(plan, outputs)["text"]

        if target != one.language:
            assert stand(one.parts, answer) == Counter(one.parts)


@pytest.mark.parametrize(
    ("parts", "answer", "counts"),
    [
        (["{x}", "{{x}}"], "a {{x}} b {x}", {"{x}": 1, "{{x}}": 1}),
        (["{x}"], "{x} a {x}", {"{x}": 2}),
        (["%d", "%%"], "%%d", {"%%": 1}),
        (["{x}"], "x", {}),
    ],
)
def test_a_part_that_comes_twice_or_not_at_all_is_counted_so(
    parts: list[str], answer: str, counts: dict[str, int]
) -> None:
    assert stand(parts, answer) == counts
