"""A request's glossary: words to keep, or words and what each of them becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby, takewhile
from typing import Any
from unicodedata import normalize

from server.codecs.errors import CodecError
from server.codecs.translation.protected.letters import EDGE

MOST_TERMS = 256
LONGEST = 200  # characters of a term
MOST_CHARACTERS = 16_384  # of all terms of a request, and what they become
SHOWN = 40  # characters of a term that a message repeats

Terms = Mapping[str, str]  # term → what stands in the answer for it


def terms_of(glossary: Any) -> Terms:
    """The terms of this option, which has been checked; none where there is no glossary. A letter with an accent is
    one character or two, as the text has it."""
    pairs = glossary.items() if isinstance(glossary, Mapping) else ((term, None) for term in glossary or ())
    return {form: becomes or form for term, becomes in pairs for form in _forms(term)}


def _forms(term: str) -> Sequence[str]:
    return (term,) if term.isascii() else (term, normalize("NFC", term), normalize("NFD", term))


def check_glossary(glossary: Any) -> None:
    """Raises `CodecError` for what is no glossary, or larger than one may be."""
    if glossary is None:
        return
    if not isinstance(glossary, Mapping | list | tuple):
        raise CodecError("glossary must be a list of words to keep, or an object of words and what they become")
    pairs = list(glossary.items()) if isinstance(glossary, Mapping) else [(term, term) for term in glossary]
    if len(pairs) > MOST_TERMS:
        raise CodecError(f"glossary may have at most {MOST_TERMS} terms", limit=MOST_TERMS)
    for term, becomes in pairs:
        _check(term, becomes)
    if sum(len(term) + len(becomes) for term, becomes in pairs) > MOST_CHARACTERS:
        raise CodecError(f"glossary may have at most {MOST_CHARACTERS} characters", limit=MOST_CHARACTERS)


def _check(term: Any, becomes: Any) -> None:
    if not (isinstance(term, str) and isinstance(becomes, str)):
        raise CodecError("glossary must have texts only")
    if not term.strip() or not becomes.strip() or "\n" in term + becomes:
        raise CodecError("glossary has a term without a word, or with the end of a line")
    if len(term) > LONGEST or len(becomes) > LONGEST:
        raise CodecError(f"glossary: {term[:SHOWN]!a} … has more than {LONGEST} characters", limit=LONGEST)
    try:
        (term + becomes).encode()
    except UnicodeEncodeError as error:
        raise CodecError("glossary holds half of a surrogate pair, which is not a character") from error


def pattern_of(terms: frozenset[str]) -> str:
    """Of these terms as whole words, the longest first; "" of none. Case counts: `Word` and `word` are two terms.

    Terms that begin alike share their beginning: what a place costs is the longest of them, not all of them.
    """
    if not terms:
        return ""
    letters = "".join(re.escape(letter) for letter in sorted({term[0] for term in terms}))
    return f"(?=[{letters}]){EDGE}{_any_of(sorted(terms))}{EDGE}"


def _any_of(endings: Sequence[str]) -> str:
    """Of these, which are in order and may have "" among them, the longest first."""
    groups = [list(group) for _, group in groupby(filter(None, endings), key=lambda ending: ending[0])]
    ways = "|".join(map(_one_beginning, groups))
    return f"(?:{ways})" + ("?" if ways and "" in endings else "")


def _one_beginning(endings: Sequence[str]) -> str:
    pairs = zip(endings[0], endings[-1], strict=False)  # what is between these two in order begins as they do
    shared = "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    rests = [ending[len(shared) :] for ending in endings]
    return re.escape(shared) + (_any_of(rests) if len(rests) > 1 else "")
