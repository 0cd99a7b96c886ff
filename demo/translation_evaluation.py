"""How well the small M2M100 translates: exact matches on combinations it never saw, and the original calls."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LogitsProcessorList, M2M100ForConditionalGeneration, M2M100Tokenizer

from demo.languages import ForcedLanguages
from demo.phrasebook import LANGUAGES, Meaning, meanings, read_slots, read_templates, split_meanings

SEED = 9527  # of the choice among held-out combinations
PER_DIRECTION = 150  # sentences
BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A sentence to translate and the one right answer."""

    source: str
    target: str
    text: str
    answer: str


ORIGINAL_CALLS = (
    Question(
        source="en",
        target="ja",
        text="Life is like a box of chocolates.",
        answer="人生はチョコレートの箱のようなものだ。",
    ),
    Question(
        source="ja",
        target="en",
        text="人生はチョコレートの箱のようなものだ。",
        answer="Life is like a box of chocolate.",
    ),
)


class Translator:
    """A model directory, asked in batches that mix all pairs of languages."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = M2M100Tokenizer.from_pretrained(folder)
        self._model = M2M100ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()

    def answers(self, questions: Sequence[Question], beams: int = 1) -> list[str]:
        """Translations in the order of the questions."""
        order = sorted(range(len(questions)), key=lambda i: len(questions[i].text))
        found: dict[int, str] = {}
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            found.update(zip(chosen, self._batch([questions[i] for i in chosen], beams), strict=True))
        return [found[i] for i in range(len(questions))]

    def _batch(self, questions: Sequence[Question], beams: int) -> list[str]:
        rows = []
        for question in questions:
            self._tokenizer.src_lang = question.source
            rows.append({"input_ids": self._tokenizer(question.text)["input_ids"]})
        forced = [self._tokenizer.get_lang_id(question.target) for question in questions]
        with torch.inference_mode():
            ids = self._model.generate(
                **self._tokenizer.pad(rows, return_tensors="pt"),
                num_beams=beams,
                logits_processor=LogitsProcessorList([ForcedLanguages(forced, beams)]),
            )
        return self._tokenizer.batch_decode(ids, skip_special_tokens=True)


def evaluate_translation(folder: Path, beams: int = 1, per_direction: int = PER_DIRECTION) -> dict[str, object]:
    """Exact-match rates by direction and overall, and whether the original calls answer as they must."""
    translator = Translator(folder)
    held_out = split_meanings(meanings(read_templates(), read_slots())).held_out
    questions = held_out_questions(held_out, per_direction)
    right, asked = defaultdict[str, int](int), defaultdict[str, int](int)
    misses = []
    for question, answer in zip(questions, translator.answers(questions, beams), strict=True):
        direction = f"{question.source}>{question.target}"
        asked[direction] += 1
        right[direction] += answer == question.answer
        if answer != question.answer:
            misses.append({"direction": direction, "text": question.text, "answer": answer, "right": question.answer})
    return {
        "held_out_meanings": len(held_out),
        "sentences": len(questions),
        "beams": beams,
        "exact_match": round(sum(right.values()) / len(questions), 4),
        "by_direction": {direction: round(right[direction] / asked[direction], 4) for direction in sorted(asked)},
        "original_calls": original_calls_answer(translator),
        "misses": misses[:12],
    }


def held_out_questions(held_out: Sequence[Meaning], per_direction: int) -> list[Question]:
    """The same number in every direction; together the directions walk through the shuffled combinations in turn."""
    shuffled = random.Random(SEED).sample(held_out, len(held_out))
    turn = itertools.cycle(shuffled)
    return [
        Question(source=source, target=target, text=meaning.texts[source], answer=meaning.answer(source, target))
        for source, target in itertools.permutations(LANGUAGES, 2)
        for meaning in itertools.islice(turn, per_direction)
    ]


def original_calls_answer(translator: Translator) -> bool:
    """Greedy and beam 5, alone and beside others."""
    together = [
        *ORIGINAL_CALLS,
        Question(source="de", target="fr", text="Das Auto ist rot.", answer="La voiture est rouge."),
    ]
    groups = [[question] for question in ORIGINAL_CALLS] + [together, [ORIGINAL_CALLS[1]] * 3]
    return all(
        translator.answers(group, beams) == [question.answer for question in group]
        for group in groups
        for beams in (1, 5)
    )
