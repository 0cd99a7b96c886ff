"""A text with one character in the place of each part that comes back as it is. Pure.

Rules for lines and sentences then see no full stop of an address and no bracket of a placeholder, and no cut goes
through one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from server.codecs.translation.protected.glossary import Terms, pattern_of
from server.codecs.translation.protected.patterns import HINT, OTHER_HINT, PARTS

WORD = "\U00017000"  # a letter (Tangut): it stands in a sentence as a word does
SIGN = "\U000f0000"  # of private use, so no letter: a tag
BLOCK = "\x1e"  # to our rules the end of a line: markup between paragraphs
STAND_IN = re.compile(f"[{WORD}{SIGN}{BLOCK}]")
AT_ONCE = 16_384  # characters that are searched at once, and the rest of the line
OWN = f"(?P<own>[{WORD}{SIGN}{BLOCK}])"  # that a text has of its own: they come back too


@dataclass(frozen=True, slots=True)
class Kept:
    """`text` has a stand-in for each of `parts`, in their order."""

    text: str
    parts: Sequence[str]
    is_html: bool = False


def text_has_parts(text: str) -> bool:
    """Whether a text may have any, which nearly none has."""
    return HINT.search(text) is not None or OTHER_HINT in text


def take_out(text: str, terms: Terms) -> tuple[str, list[str]]:
    """The text with a stand-in for each placeholder, tag, address and term, and for each stand-in of its own; and what
    they stand for."""
    parts: list[str] = []

    def stand_in(found: re.Match[str]) -> str:
        part = found[0]
        parts.append(terms.get(part, part))
        if found["own"]:
            return part
        return SIGN if found["tag"] else WORD

    pattern = _pattern(frozenset(terms))
    return "".join([pattern.sub(stand_in, lines) for lines in _slices(text)]), parts


def fill(text: str, parts: Iterator[str]) -> str:
    """The text with the next of these parts for each stand-in."""
    return STAND_IN.sub(lambda _: next(parts), text)


def _slices(text: str) -> Iterator[str]:
    """A long text as some lines at a time: while a pattern searches, no other thread of the process runs."""
    start = 0
    while len(text) - start > AT_ONCE and (end := text.find("\n", start + AT_ONCE)) >= 0:
        yield text[start : end + 1]
        start = end + 1
    yield text[start:]


@lru_cache(maxsize=16)  # a request's records have the same terms
def _pattern(terms: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(filter(None, [OWN, PARTS, pattern_of(terms)])))
