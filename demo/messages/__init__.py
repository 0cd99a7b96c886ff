"""The customer messages: templates for three moods, a word list, and sentences nobody trains on."""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass
from pathlib import Path

LABELS = ("negative", "neutral", "positive")
FOLDER = Path(__file__).parent
SEED = 9527  # of the words drawn for the templates
PER_TEMPLATE = 300  # combinations drawn from one template
HELD_OUT_PERCENT = 10
SYLLABLES = (
    "ba",
    "co",
    "di",
    "fe",
    "gu",
    "ha",
    "ki",
    "lo",
    "mu",
    "na",
    "pe",
    "ra",
    "si",
    "to",
    "va",
    "we",
    "ze",
    "bri",
    "clo",
    "tra",
    "sta",
    "plu",
    "ten",
    "mar",
    "lin",
    "der",
)

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A sentence and its label."""

    text: str
    label: str


def template_messages(seed: int) -> tuple[list[Message], list[Message]]:
    """Training messages and held-out ones, whose combinations of template and words are never trained."""
    chance = random.Random(seed)
    words, training, held_out = _words(), dict[str, Message](), dict[str, Message]()
    for label in LABELS:
        for template in _lines(f"{label}.txt"):
            for _ in range(PER_TEMPLATE):
                text, chosen = _fill(template, words, chance)
                message = Message(text=text, label=label)
                (held_out if chosen > 1 and _draw(text) < HELD_OUT_PERCENT else training)[text] = message
    return list(training.values()), list(held_out.values())


def handwritten_messages() -> list[Message]:
    """Sentences written by hand that no template produces, for an honest look beyond them."""
    pairs = (line.split(": ", 1) for line in _lines("handwritten.txt"))
    return [Message(text=text, label=label) for label, text in pairs]


def _words() -> dict[str, list[str]]:
    pairs = (line.split(": ", 1) for line in _lines("words.txt"))
    return {kind: [word.strip() for word in words.split(",")] for kind, words in pairs}


def _lines(name: str) -> list[str]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _fill(template: str, words: dict[str, list[str]], chance: random.Random) -> tuple[str, int]:
    """The sentence, and how many words were chosen for it; a chosen phrase may ask for words itself."""
    text, chosen = template, 0
    while match := _PLACEHOLDER.search(text):
        text = text[: match.start()] + _choose(match[1], words, chance) + text[match.end() :]
        chosen += 1
    text = re.sub(r"\b([Aa]) (?=[aeio]|u(?!se|ni))", r"\1n ", text)
    return re.sub(r"(^|[.!?] )([a-z])", lambda start: start[1] + start[2].upper(), text), chosen


def _choose(kind: str, words: dict[str, list[str]], chance: random.Random) -> str:
    # A tenth of the things are no words at all, so that an unknown noun says nothing about the mood.
    if kind == "thing" and chance.random() < 0.1:
        return "".join(chance.choice(SYLLABLES) for _ in range(chance.randint(2, 4)))
    return chance.choice(words[kind])


def _draw(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % 100
