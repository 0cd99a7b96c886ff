"""What a smaller dtype changes: the held-out sentences through the in-flight engine, once in each dtype.

The model is sure of those, so they are asked again with their pieces in random order, where it is not.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import M2M100ForConditionalGeneration, M2M100Tokenizer

from batcher.models.settings import ModelSettings
from batcher.models.spec import load_model, parse_spec
from batcher.models.translation.outputs import pieces_of
from demo.phrasebook import LANGUAGES, Meaning, meanings, read_slots, read_templates, split_meanings
from demo.translation_evaluation import SEED, Question, held_out_questions

START, END = 2, 2
DIRECTIONS = len(LANGUAGES) * (len(LANGUAGES) - 1)
Row = Mapping[str, Any]
Answers = list[list[int]]


def evaluate_dtypes(folder: Path, dtypes: Sequence[str], beams: int, per_direction: int) -> dict[str, object]:
    """For each dtype: exact matches, agreement with fp32, and how sure fp32 was where the answers part."""
    questions = held_out_questions(_held_out(), per_direction)
    rows = encoded(folder, questions)
    both = [*rows, *scrambled(rows)]
    plain = _answers(folder, "fp32", beams, both)
    figures = {}
    for dtype in dtypes:
        found = plain if dtype == "fp32" else _answers(folder, dtype, beams, both)
        here, margins = len(rows), _Margins(folder)
        figures[dtype] = {
            "exact_match": round(_right(folder, questions, found[:here]), 4),
            "held_out": margins.compare(rows, plain[:here], found[:here]),
            "scrambled": margins.compare(both[here:], plain[here:], found[here:]),
        }
    return {"sentences": len(rows), "beams": beams, "dtypes": figures}


def encoded_questions(folder: Path, count: int) -> list[Row]:
    """So many rows of the held-out set, as a front end encodes them: all directions in turn."""
    return encoded(folder, held_out_questions(_held_out(), per_direction=-(-count // DIRECTIONS)))[:count]


def encoded(folder: Path, questions: Sequence[Question]) -> list[Row]:
    """`{"source": array("i") [language, pieces…, end], "target": language id}` of each."""
    tokenizer = M2M100Tokenizer.from_pretrained(folder)
    rows = []
    for question in questions:
        tokenizer.src_lang = question.source
        source = array("i", tokenizer(question.text)["input_ids"])
        rows.append({"source": source, "target": tokenizer.get_lang_id(question.target)})
    return rows


def scrambled(rows: Sequence[Row]) -> list[Row]:
    """The pieces of each source in another order."""
    rng = random.Random(SEED)
    return [{**row, "source": _shuffled(row["source"], rng)} for row in rows]


def _shuffled(source: array[int], rng: random.Random) -> array[int]:
    language, *pieces, end = source
    return array("i", [language, *rng.sample(pieces, len(pieces)), end])


def _held_out() -> Sequence[Meaning]:
    return split_meanings(meanings(read_templates(), read_slots())).held_out


def _answers(folder: Path, dtype: str, beams: int, rows: Sequence[Row]) -> Answers:
    settings = ModelSettings(dtype=dtype, beams=beams, guard=False, device="cpu")
    outputs = load_model(parse_spec(f"translation:{folder}"), settings).forward(rows)
    return [list(pieces_of(output)) for output in outputs]


def _right(folder: Path, questions: Sequence[Question], answers: Answers) -> float:
    """What part of these answers is right."""
    texts = M2M100Tokenizer.from_pretrained(folder).batch_decode(answers, skip_special_tokens=True)
    return sum(text == question.answer for text, question in zip(texts, questions, strict=True)) / len(questions)


class _Margins:
    """How far apart fp32's two best logits are where answers part: near nothing is a tie."""

    def __init__(self, folder: Path) -> None:
        self._model = M2M100ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()

    def compare(self, rows: Sequence[Row], plain: Answers, found: Answers) -> dict[str, float]:
        """The rate of answers that are those of fp32; the margins where they are not."""
        triples = zip(rows, plain, found, strict=True)
        margins = [self._margin(row, one, other) for row, one, other in triples if one != other]
        rate = {"agrees_with_fp32": round(1 - len(margins) / len(rows), 4)}
        if not margins:
            return rate
        return rate | {"median_margin": round(median(margins), 3), "largest_margin": round(max(margins), 3)}

    @torch.inference_mode()
    def _margin(self, row: Row, answer: Sequence[int], other: Sequence[int]) -> float:
        """Before the first token that the answer of fp32 and another do not share."""
        pairs = zip([*answer, END], [*other, END], strict=False)
        shared = next(place for place, (one, two) in enumerate(pairs) if one != two)
        logits = self._model(
            input_ids=torch.tensor([row["source"].tolist()]),
            decoder_input_ids=torch.tensor([[START, row["target"], *answer[:shared]]]),
        ).logits[0, -1]
        best, second = logits.topk(2).values.tolist()
        return float(best - second)
