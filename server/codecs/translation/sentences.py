"""Where one sentence ends and the next begins. Pure, takes linear time, and no cut loses a character.

Marks decide; what stands around a mark tells a full stop from a decimal point, an initial or an abbreviation.
Quotations are cut as well: a model that translates sentences drops what stands after the first one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from server.codecs.translation.abbreviations import (
    CAPITALS,
    ENDS_TOO,
    MONTHS,
    NUMBERED,
    ORDINALS,
    STARTERS,
    is_abbreviation,
)

SPACED = ".!?…‼⁇⁈⁉‽⸮"  # end a sentence before whitespace, or before a symbol
OWN = "。｡．！？।॥؟۔።፧፨။។៕։༎߹꘎꘏꣎꣏꩝꩞꩟꯫"  # end one wherever they stand
# Stops of one language only: Armenian, Amharic and Hindi are typed on keyboards that lack their own.
INDIC = ("hi", "mr", "ne", "bn", "pa", "or", "as", "awa", "bho", "hne", "mag", "mai", "mni", "sa", "ks")
ALSO = {"el": "[;\u037e]", "hy": ":", "am": "፡፡|::", "ti": "፡፡|::", **dict.fromkeys(INDIC, r"\|")}
# Pictographs that stand between sentences, in place of a stop: "Good morning 😀 Thank you".
PICTOGRAPHS = "\u2022\u2190-\u21ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
PICTURED = re.compile(f"[{PICTOGRAPHS}]")
# Quotes and brackets that close after a mark; a quote before a letter, or an angle before one, opens instead.
CLOSE = re.compile(r"(?:[”’›)\]}」』】）〉》〕］｝＂]|[\"'“](?!\w)|\s?»(?!\w)|\[\d{1,3}\]|[¹²³⁰⁴-⁹])*")
QUOTES = "」』”＂"
# What follows a quotation of the same sentence in Japanese, and no word that begins like it.
PARTICLE = re.compile(
    r"と(?!ても|き|ころ|なり|もだち)|って|など|なんて|を|が|の|に|は(?!い|じめ|や)|も(?!う|し)|です|で(?!も|は)|だ"
)
OPEN = re.compile(r"[\s\"'“‘„‚«‹»›(\[{「『【（〈《〔［｛＂¿¡–—\-•*]*")
SPACE = re.compile(r"\s*")
WORD_BEFORE = re.compile(r"[^\W_](?:[^\W_]|[.'’·-])*$")
WORD = re.compile(r"[^\W\d_]+")
# Words, and no name of a file or a site, no initials.
PLAIN = re.compile(r"[^\W\d_]{2}\s?[.!?]+(?:[^\W\d_](?=\s)|[^\W\d_]{2,30}(?:[\s,;:.!?'’\"”)-]|$))")
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7a3]")
BEFORE_A_LETTER = re.compile(r"(?:\d|(?<!\w)(\w)\.)\s?$")  # "5 p. m.", "1990 г."
LOOKED_AT = 24  # characters of a word before a full stop: an abbreviation is shorter
NEAR = 64  # characters before a mark that are looked at for a space


def sentences(text: str, language: str) -> Iterator[str]:
    """The sentences of a line, each with the whitespace that follows it; joined they are the line."""
    start = 0
    for run in _runs(language).finditer(text):
        if run.end() == len(text):
            break
        closed = _end(CLOSE, text, run.end())
        if closed < len(text) and _ends(text, start, run, closed, language):
            end = _end(SPACE, text, closed)
            if end < len(text):
                yield text[start:end]
                start = end
    yield text[start:]


@lru_cache(maxsize=256)
def _runs(language: str) -> re.Pattern[str]:
    """Marks in a row, or pictographs in a row."""
    marks = f"[{re.escape(SPACED + OWN)}]"
    also = f"(?:{marks}|{ALSO[language]})+" if language in ALSO else f"{marks}+"
    return re.compile(f"{also}|[{PICTOGRAPHS}][{PICTOGRAPHS}\ufe0e\ufe0f\u200d\u20e3]*")


def _ends(text: str, start: int, run: re.Match[str], closed: int, language: str) -> bool:
    """Whether a sentence ends with these marks, and the quotes and brackets that close after them."""
    marks, after = run[0], text[closed]
    opened = _end(OPEN, text, closed)
    first = text[opened : opened + 1]  # of the next sentence
    if PICTURED.match(marks):
        return _ends_with_a_picture(text, start, run, opened, language)
    is_closed = closed > run.end()
    if is_closed and first.islower():  # "Why?" she asked.
        return False
    if any(mark in OWN for mark in marks):
        return not _goes_on(text, run, closed)
    if not after.isspace():
        return _ends_without_space(text, start, run, closed, is_closed=is_closed)
    if marks != "." and not set(marks) <= {".", "…"}:
        return True
    if marks != ".":
        return not first.islower()  # well… perhaps
    return is_closed or _full_stop_ends(text, run.start(), opened, language)


def _goes_on(text: str, run: re.Match[str], closed: int) -> bool:
    """「駅はどこ？」と言った。 is one sentence, and 第３．５節 no two."""
    if run[0] == "．" and text[run.start() - 1 : run.start()].isdigit() and text[run.end()].isdigit():
        return True
    return text[closed - 1] in QUOTES and PARTICLE.match(text, closed) is not None


def _ends_with_a_picture(text: str, start: int, run: re.Match[str], opened: int, language: str) -> bool:
    """Only where a capital begins something after it, or a space does where none stand between words."""
    before, first = text[max(start, run.start() - 4) : run.start()].rstrip(), text[opened : opened + 1]
    if CJK.match(before[-1:]):
        return text[run.end()].isspace() and CJK.match(first) is not None and language != "ko"
    following = WORD.match(text, opened)
    is_noun = language in CAPITALS and (following is None or following[0] not in STARTERS)
    return len(before) > 2 and before[-1].isalnum() and first.isupper() and not is_noun


def _ends_without_space(text: str, start: int, run: re.Match[str], closed: int, *, is_closed: bool) -> bool:
    at = run.start()
    before, after = text[at - 1 : at], text[closed]
    if is_symbol(after) or after in "¿¡":
        return True
    if is_closed:
        return after.isupper()
    if CJK.match(after):
        return CJK.match(before) is not None and "…" not in run[0]
    near = text[max(start, at - NEAR) : at]
    if "." in run[0]:
        return after.isupper() and before.islower() and " " in near and PLAIN.match(text, max(0, at - 2)) is not None
    address = near.rstrip().rpartition(" ")[2]
    is_word = after.isalpha() and not after.islower() and "/" not in address and "." not in address
    return is_word and PLAIN.match(text, max(0, at - 2 - before.isspace())) is not None


def _full_stop_ends(text: str, at: int, opened: int, language: str) -> bool:
    found = WORD_BEFORE.search(text, max(0, at - LOOKED_AT), at)
    if found is None:
        return True
    word, first, following = found[0].lower(), text[opened : opened + 1], WORD.match(text, opened)
    starts = following is not None and following[0] in STARTERS
    if word.isdigit():
        is_ordinal = len(word) <= 2 and language in ORDINALS and not (first.isupper() and language not in CAPITALS)
        return starts or not is_ordinal
    if word in NUMBERED and first.isdigit():
        return False
    if word in MONTHS:
        return not (first.islower() or first.isdigit())
    if len(word) == 1:
        is_initial = word.isalpha() and word != word.upper()
        return starts or (word == "i" and language == "en") or not is_initial or _ends_short(text, found, first)
    if "." in word and max(map(len, word.split("."))) <= 3 and not any(map(str.isdigit, word)):
        return not (first.islower() or first.isdigit()) and (starts or word in ENDS_TOO)
    if word in ENDS_TOO:
        return first.isupper()
    return not is_abbreviation(found[0], language) or starts


def _ends_short(text: str, found: re.Match[str], first: str) -> bool:
    """Whether a capital begins a sentence after a single letter: a unit after its number, the last of "p. m."."""
    if not (first.isupper() and found[0].islower()):
        return False
    before = BEFORE_A_LETTER.search(text, max(0, found.start() - 4), found.start())
    return before is not None and (before[1] is None or f"{before[1].lower()}.{found[0]}" in ENDS_TOO)


def is_symbol(character: str) -> bool:
    """A pictograph, a sign, a part of one: nothing that is read as a letter or a unit."""
    if character < "\x7f":
        return character < " " and not character.isspace()
    category = unicodedata.category(character)
    if category not in ("So", "Co", "Cn", "Cc", "Me"):
        return "\U0001f3fb" <= character <= "\U0001f3ff"  # tones of skin
    return character != "°" and unicodedata.normalize("NFKC", character) == character


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where a pattern ends that matches from here, if only nothing."""
    found = pattern.match(text, at)
    return at if found is None else found.end()
