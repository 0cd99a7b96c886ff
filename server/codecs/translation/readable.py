"""What of a sentence a model is given: not what stands around it, nor what its vocabulary cannot read. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from server.codecs.translation.sentences import is_symbol

Reads = Callable[[str], bool]  # whether the vocabulary has a token for a character

# Characters that show nothing (Unicode's Default_Ignorable_Code_Point). Joiners, selectors and tags are parts of
# pictographs, and U+200C and U+200D of words where letters join: those stay where they mean something.
_HIDDEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff"
    "\uffa0\ufff0-\ufffb"
)
_JOINING = "\u200c\u200d\ufe00-\ufe0f\U000e0000-\U000e0fff"
_LETTERS_THAT_JOIN = "\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u17ff\u1800-\u18af"
HIDDEN = re.compile(
    f"[{_HIDDEN}][{_HIDDEN}{_JOINING}]*|(?<![^\\w\\s\\x00-\\x7f])(?<![{_LETTERS_THAT_JOIN}])[{_JOINING}]+(?!\u20e3)"
)
LOOSE = re.compile(
    f"[{_HIDDEN}\ufe00-\ufe0f\U000e0000-\U000e0fff]|(?<![{_LETTERS_THAT_JOIN}\u200c\u200d])[\u200c\u200d]"
)
ANY_HIDDEN = re.compile(f"[{_HIDDEN}{_JOINING}]")
# Beyond thirty marks on a letter (Unicode's stream-safe text has no more) ordering them takes quadratic time.
TOO_MANY_MARKS = re.compile(r"[^\w\s\x00-\x7f]{31}")

LETTER = re.compile(r"[^\W\d_]")
KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3")
BULLET = re.compile(r"(?:[-–—#>•·|=+~_*/\\]{1,8}(?=\s)|[*_~`]{1,8})")  # short, or looking for its end would never end
TAIL = re.compile(r"(?:(?<=\s)[-–—#•·|=+~_*/\\]{1,8}|[*_~`]{1,8}|(?<=[.!?…])\[\d{1,3}\])$")  # the last: a footnote
STRAY = re.compile(r"[.!?。！？…,;:)\]}」』】）](?!\d)")  # what only ends a sentence, at its beginning
ROUNDS = 8  # quotes in brackets in quotes: deeper ones are left to the model
STOPS = ".!?。！？…"
PLAIN_ENDS = frozenset(STOPS + ",;:")
PAIRS = dict(zip("([{\"'“‘„«「『【（〈《〔［»‹", ")]}\"'”’“»」』】）〉》〕］«›", strict=True))
CLOSERS = {closer: opener for opener, closer in PAIRS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """`core` is what the model is given; what stands before and after it goes around the answer."""

    before: str
    core: str
    after: str


def visible(text: str) -> str:
    """The text composed (NFC), without the characters that show nothing and mean nothing."""
    if text.isascii():
        return text
    if ANY_HIDDEN.search(text):
        text = HIDDEN.sub("", text)
    return text if TOO_MANY_MARKS.search(text) else unicodedata.normalize("NFC", text)


def is_plain(sentence: str) -> bool:
    """Whether nothing stands around a sentence that its model need not see."""
    return (sentence[0].isalnum() or sentence[0] in "¿¡") and (sentence[-1].isalnum() or sentence[-1] in PLAIN_ENDS)


def surrounded(text: str, reads: Reads) -> Sentence:
    """A sentence apart from the symbols, bullets, quotes and brackets around it."""
    start, end = 0, len(text)
    for _ in range(ROUNDS):
        was = start, end
        start = _forward(text, start, end, reads)
        end = _backward(text, start, end, reads)
        start, end = _unquoted(text, start, end)
        if was == (start, end):
            break
    return _before_its_stop(text, start, end, reads)


def unread(text: str, reads: Reads) -> int:
    """How many characters the vocabulary has no token for; whitespace and hidden ones do not count."""
    return sum(not (reads(each) or each.isspace()) for each in ANY_HIDDEN.sub("", text))


def only_read(text: str, reads: Reads) -> str:
    """The text without what has no token, and without joiners and selectors that are left of it."""
    return LOOSE.sub("", "".join(each for each in text if each.isspace() or reads(each)))


def has_letters(text: str, reads: Reads) -> bool:
    """Whether there is anything to translate: a number or a row of dashes says the same in every language."""
    return any(each.isalpha() and reads(each) for each in text)


def _is_around(each: str, reads: Reads) -> bool:
    if each.isspace() or is_symbol(each) or ANY_HIDDEN.match(each):
        return True
    return not (each.isalnum() or unicodedata.category(each)[0] == "M" or reads(each))


def _forward(text: str, start: int, end: int, reads: Reads) -> int:
    while start < end:
        found = KEYCAP.match(text, start, end) or BULLET.match(text, start, end) or STRAY.match(text, start, end)
        if found is not None:
            start = found.end()
        elif _is_around(text[start], reads):
            start += 1
        else:
            break
    return start


def _backward(text: str, start: int, end: int, reads: Reads) -> int:
    while start < end:
        if _is_around(text[end - 1], reads):
            end -= 1
            if text[end] == "\u20e3":  # a keycap: its digit belongs to it
                end -= end > start and text[end - 1] == "\ufe0f"
                end -= end > start and text[end - 1] in "0123456789#*"
        elif (found := TAIL.search(text, max(start, end - ROUNDS), end)) is not None:
            end = found.start()
        else:
            break
    return max(start, end)


def _unquoted(text: str, start: int, end: int) -> tuple[int, int]:
    """Without a quote or bracket at its ends whose partner is at the other end, or not in the sentence at all."""
    if end - start < 2:
        return start, end
    first, last = text[start], text[end - 1]
    inner = text[start + 1 : end - 1]
    closer, opener = PAIRS.get(first), CLOSERS.get(last)
    if closer == last and closer not in inner and first not in inner:
        return start + 1, end - 1
    if closer and first not in "'‘" and closer not in text[start + 1 : end]:
        return start + 1, end
    if opener and last not in "'’" and opener not in text[start : end - 1]:
        return start, end - 1
    return start, end


def _before_its_stop(text: str, start: int, end: int, reads: Reads) -> Sentence:
    """A symbol just before the stop of its sentence goes behind it: "Thank you 😊!" has both then."""
    stop = end
    while stop > start and text[stop - 1] in STOPS:
        stop -= 1
    last = _backward(text, start, stop, reads) if stop < end else stop
    if not any(is_symbol(each) and not reads(each) for each in text[last:stop]):
        last = stop = end
    return Sentence(before=text[:start], core=text[start:last] + text[stop:end], after=text[last:stop] + text[end:])
