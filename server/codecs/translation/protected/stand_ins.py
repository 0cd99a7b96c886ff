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
from server.codecs.translation.protected.patterns import PARTS
from server.codecs.work import UNBOUNDED, Work

WORD = "\U00017000"  # a letter (Tangut): it stands in a sentence as a word does
SIGN = "\U000f0000"  # of private use, so no letter: a tag
BLOCK = "\x1e"  # to our rules the end of a line: markup between paragraphs
STAND_IN = re.compile(f"[{WORD}{SIGN}{BLOCK}]")
AT_ONCE = 16_384  # characters in which a part that is searched for may begin
BEYOND = 8192  # and so many further it may end
LONG = BEYOND // 2  # a part that may have been cut there
OWN_OR_PART = re.compile(f"(?P<own>[{WORD}{SIGN}{BLOCK}])|{PARTS}")  # those that a text has itself come back too


@dataclass(frozen=True, slots=True)
class Kept:
    """`text` has a stand-in for each of `parts`, in their order."""

    text: str
    parts: Sequence[str]
    is_html: bool = False


def take_out(text: str, terms: Terms, work: Work = UNBOUNDED) -> tuple[str, list[str]]:
    """The text with a stand-in for each placeholder, tag, address and term, and for each stand-in of its own; and what
    they stand for. Raises `Abandoned` when nobody waits any more."""
    taken: list[str] = []
    parts: list[str] = []
    end = 0
    for found in _parts(text, _patterns(frozenset(terms)), work):
        part = found[0]
        parts.append(terms.get(part, part))
        taken += [text[end : found.start()], part if found["own"] else SIGN if found["tag"] else WORD]
        end = found.end()
    return "".join([*taken, text[end:]]), parts


def fill(text: str, parts: Iterator[str]) -> str:
    """The text with the next of these parts for each stand-in."""
    return STAND_IN.sub(lambda _: next(parts), text)


def _parts(text: str, patterns: Sequence[re.Pattern[str]], work: Work) -> Iterator[re.Match[str]]:
    """Each part, a slice of the text at a time: while a pattern searches, no other thread of the process runs."""
    at = 0
    for start in range(0, len(text), AT_ONCE):
        work.check()
        end = start + AT_ONCE
        for found in _in_slice(text, patterns, at, end):
            at = found.end()
            yield found
        at = max(at, end)


def _in_slice(text: str, patterns: Sequence[re.Pattern[str]], at: int, end: int) -> Iterator[re.Match[str]]:
    """The parts that begin before the end: of two that overlap the first, of two that begin together that of the first
    pattern."""
    ahead = [pattern.search(text, at, end + BEYOND) for pattern in patterns]
    while at < end and (found := min(filter(None, ahead), key=re.Match.start, default=None)) and found.start() < end:
        if len(found[0]) > LONG:  # an address that may go on
            found = found.re.match(text, found.start()) or found
        yield found
        at = found.end()
        ahead = [each and (each if each.start() >= at else each.re.search(text, at, end + BEYOND)) for each in ahead]


@lru_cache(maxsize=16)  # a request's records have the same terms
def _patterns(terms: frozenset[str]) -> Sequence[re.Pattern[str]]:
    """Compiled apart: `PARTS` takes longer than many a text."""
    own_or_tag = "(?P<own>(?!))|(?P<tag>(?!))"  # which no term is
    return (OWN_OR_PART, re.compile(f"{own_or_tag}|{pattern_of(terms)}")) if terms else (OWN_OR_PART,)
