"""Words that are put in the place of protected parts, and looked for in the answer.

A model moves a word to where its language has it, which no text that is cut around the part can do. But it may also
translate, inflect or drop one, so an answer counts only where each is found once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from server.codecs.translation.protected.letters import LETTER
from server.codecs.translation.protected.stand_ins import WORD

MOST = 8  # of a sentence: with more a model never says all
CODES = tuple(f"X{number}X" for number in range(1, 4 * MOST))
KATAKANA = re.compile("[\u30a1-\u30fa\u30fc]")  # of which the letters of one word stand together
KATAKANA_TOO = f"(?:{LETTER}|{KATAKANA.pattern})"


@dataclass(frozen=True, slots=True)
class Marked:
    """A text with its markers in place, and what each of them is in the answer, in the order of the parts."""

    text: str
    names: Sequence[str]


class Markers:
    """By language: the n-th word of one means the n-th of each other. Codes for a language that has none."""

    def __init__(self, words: Mapping[str, Sequence[str]], reads: Callable[[str], bool]) -> None:
        self._words = words
        self._reads = reads

    def put(self, text: str, source: str, target: str) -> Marked | None:
        """The text with a marker for each stand-in of a word; None where there are too many."""
        here, there = self._words.get(source), self._words.get(target)
        pairs = zip(here, there, strict=False) if here and there else zip(CODES, CODES, strict=True)
        said = text.casefold()
        free = [pair for pair in pairs if not any(word.casefold() in said for word in pair) and self._can_read(pair[0])]
        count = text.count(WORD)
        if count > min(MOST, len(free)):
            return None
        words = iter(free)
        return Marked(re.sub(WORD, lambda _: next(words)[0], text), [name for _, name in free[:count]])

    def _can_read(self, word: str) -> bool:
        return all(map(self._reads, word))


def found(answer: str, names: Sequence[str], parts: Sequence[str]) -> str | None:
    """The answer with the parts in the place of their markers; None unless each marker is in it once."""
    pattern = _any_of(tuple(names))
    which = [one.lastindex for one in pattern.finditer(answer)]
    if sorted(which, key=lambda index: index or 0) != list(range(1, len(names) + 1)):
        return None
    return pattern.sub(lambda one: parts[(one.lastindex or 0) - 1], answer)


@lru_cache(maxsize=256)
def _any_of(names: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"({_spelled(name)})" for name in names))


def _spelled(name: str) -> str:
    """A code in any case and with spaces inside, for a model may take one apart; a word only as it is. Neither of them
    inside other words: `Anna` is not in "kann auch"."""
    code = r"\s*".join(name)
    letter = KATAKANA_TOO if KATAKANA.match(name) else LETTER
    return f"(?<!{letter})(?i:{code})(?!{letter})" if name in CODES else f"(?<!{letter}){re.escape(name)}(?!{letter})"
