"""Where a text may be cut: at newlines, after sentences, where a budget forces it. Pure: no cut loses a character."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate, islice

from server.codecs.translation.sentences import sentences

# From the first to the last character that is no whitespace; what ends a line is what `str.splitlines` says.
LINE = re.compile(r"\S(?:[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*\S)?")
LINE_TO_READ = re.compile(r"[^\W\d_][^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*")
# Ends of clauses. Where words stand apart a mark counts only before a space, so 3,000 stays whole.
CLAUSE_END = re.compile(r"[,;:.!?)\]…،؛؟۔।॥፣፤።၊။។][\"'”’»]?(?=\s)|[、，；：。！？）」』—]")
# Characters before the end of a stretch in which a place to cut it is looked for.
SIGHT = 2048
WORD_START = re.compile(r"(?<=\s)(?=\S)")

# Only these put nothing between sentences. Thai, Lao, Khmer and Burmese write no spaces between
# words, but a space is just how they show that a sentence has ended.
UNSPACED = frozenset({"zh", "ja", "yue", "wuu"})


def lines(text: str) -> Iterator[tuple[str, str]]:
    """Pairs (line, gap) whose concatenation is the text.

    A line has no whitespace at its ends; a gap is nothing but whitespace: ends of lines, blank lines, indents. The
    first line is "" when the text begins with whitespace.
    """
    line, end = "", 0
    for match in LINE.finditer(text):  # one at a time: a megabyte may be half a million lines
        if match.start():
            yield line, text[end : match.start()]
        line, end = match[0], match.end()
    yield line, text[end:]


def lines_to_read(most: int, text: str) -> int:
    """How many lines have a letter, counted no further than one beyond `most`: the others make no job."""
    return sum(1 for _ in islice(LINE_TO_READ.finditer(text), most + 1))


@cache
def joint(source: str, target: str) -> Mapping[str, str]:
    """What plain gaps between two sentences of one language are in the other; every other gap stays as it was."""
    before, after = _is_spaced(source), _is_spaced(target)
    if before == after:
        return {}
    return {"": " "} if after else {" ": ""}


def _is_spaced(language: str) -> bool:
    """Whether a space stands between two sentences of this language."""
    return language.partition("-")[0].lower() not in UNSPACED


def sentence_stops(text: str, language: str) -> list[int]:
    """Where the next sentence or line begins, as offsets in ascending order."""
    stops = [0]
    for line, gap in lines(text):
        stops += accumulate((len(sentence) for sentence in sentences(line, language)), initial=stops.pop())
        stops[-1] += len(gap)
    return stops


def clause_stops(text: str) -> list[int]:
    """Where clauses end, just after their marks."""
    return [match.end() for match in CLAUSE_END.finditer(text)]


def word_stops(text: str) -> list[int]:
    """Where words begin."""
    return [match.start() for match in WORD_START.finditer(text)]


def stretches(text: str, most: int, language: str) -> Iterator[str]:
    """Parts of at most so many characters, cut after sentences where that can be; joined they are the text. So that a
    long text needs no more memory, and holds nobody up for longer, than a stretch of it."""
    start = 0
    while len(text) - start > most:
        end = start + most
        late = max(start + most // 2, end - SIGHT)
        end = late + _last_stop(text[late:end], language)
        yield text[start:end]
        start = end
    yield text[start:]


def _last_stop(text: str, language: str) -> int:
    """The last place to cut this text before its end, of the best kind; its end where there is none."""
    for stops in (sentence_stops(text, language)[:-1], clause_stops(text), word_stops(text)):
        if inside := [stop for stop in stops[-2:] if 0 < stop < len(text)]:
            return inside[-1]
    return len(text)


def divide(text: str, fits: Callable[[str], bool], levels: Sequence[Sequence[int]]) -> Iterator[str]:
    """Parts of the text that fit, in order; joined they are the text.

    `levels` are offsets where it may be cut, the best kind first; after them any code point will do. Text is halved
    until it fits, at the stop nearest to its middle: a part of one or two words would lack the context to be read
    rightly. Only a single code point may come back although it does not fit.
    """

    def parts(start: int, end: int) -> Iterator[str]:
        if end - start < 2 or fits(text[start:end]):
            yield text[start:end]
            return
        middle = _near_middle(start, end, levels)
        yield from parts(start, middle)
        yield from parts(middle, end)

    return parts(0, len(text))


def _near_middle(start: int, end: int, levels: Sequence[Sequence[int]]) -> int:
    """The best stop within the middle half: so the halves shrink at every turn, whatever the text is."""
    middle, reach = (start + end) // 2, (end - start) // 4
    for stops in levels:
        after = bisect_right(stops, middle)
        near = [stop for stop in stops[max(0, after - 1) : after + 1] if start < stop < end]
        best = min(near, key=lambda stop: abs(stop - middle), default=None)
        if best is not None and abs(best - middle) <= reach:
            return best
    return middle
