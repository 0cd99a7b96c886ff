"""Where one sentence ends and the next begins. Pure, takes linear time, and no cut loses a character.

Marks decide; what stands around a mark tells a full stop from a decimal point, an initial or an abbreviation.
Quotations are cut as well: a model that translates sentences drops what stands after the first one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from server.codecs.abbreviations import ENDS_TOO, MONTHS, NUMBERED, ORDINALS, STARTERS, is_abbreviation

SPACED = ".!?…‼⁇⁈⁉‽⸮"  # end a sentence before whitespace, or before a symbol
OWN = "。｡．！？।॥؟۔።፧፨။។៕։༎߹꘎꘏꣎꣏꩝꩞꩟꯫"  # end one wherever they stand
RUN = re.compile(f"[{re.escape(SPACED + OWN)}]+")
GREEK_RUN = re.compile(f"[{re.escape(SPACED + OWN)};\u037e]+")
# Quotes and brackets that close after a mark; a quote before a letter, or an angle before one, opens instead.
CLOSE = re.compile(r"(?:[”’›)\]}」』】）〉》〕］｝＂]|[\"'“](?!\w)|\s?»(?!\w))*")
QUOTES = "」』”＂"
# What follows a quotation of the same sentence in Japanese, and no word that begins like it.
PARTICLE = re.compile(
    r"と(?!ても|き|ころ|なり|もだち)|って|など|なんて|を|が|の|に|は(?!い|じめ|や)|も(?!う|し)|です|で(?!も|は)|だ"
)
OPEN = re.compile(r"[\s\"'“‘„‚«‹»›(\[{「『【（〈《〔［｛＂¿¡–—\-•*]*")
SPACE = re.compile(r"\s*")
WORD_BEFORE = re.compile(r"[^\W_](?:[^\W_]|[.'’·-])*$")
WORD = re.compile(r"[^\W\d_]+")
PLAIN = re.compile(r"[^\W\d_]{2}[.!?]+[^\W\d_]{1,30}(?:[\s,;:.!?'’\"”)-]|$)")  # words, and no name of a file or a site
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
LOOKED_AT = 24  # characters of a word before a full stop: an abbreviation is shorter


def sentences(text: str, language: str) -> Iterator[str]:
    """The sentences of a line, each with the whitespace that follows it; joined they are the line."""
    start = 0
    for run in (GREEK_RUN if language == "el" else RUN).finditer(text):
        if run.end() == len(text):
            break
        closed = _end(CLOSE, text, run.end())
        if closed < len(text) and _ends(text, start, run, closed, language):
            end = _end(SPACE, text, closed)
            if end < len(text):
                yield text[start:end]
                start = end
    yield text[start:]


def _ends(text: str, start: int, run: re.Match[str], closed: int, language: str) -> bool:
    """Whether a sentence ends with these marks, and the quotes and brackets that close after them."""
    marks, after = run[0], text[closed]
    opened = _end(OPEN, text, closed)
    first = text[opened : opened + 1]  # of the next sentence
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


def _ends_without_space(text: str, start: int, run: re.Match[str], closed: int, *, is_closed: bool) -> bool:
    before, after = text[run.start() - 1 : run.start()], text[closed]
    if is_symbol(after):
        return True
    if is_closed:
        return False
    if CJK.match(after):
        return CJK.match(before) is not None and "…" not in run[0]
    if not (after.isupper() and before.islower()):
        return False
    return " " in text[start : run.start()] and PLAIN.match(text, max(0, run.start() - 2)) is not None


def _full_stop_ends(text: str, at: int, opened: int, language: str) -> bool:
    found = WORD_BEFORE.search(text, max(0, at - LOOKED_AT), at)
    if found is None:
        return True
    word, first, following = found[0].lower(), text[opened : opened + 1], WORD.match(text, opened)
    starts = following is not None and following[0] in STARTERS
    if word.isdigit():
        return not (len(word) <= 2 and language in ORDINALS)
    if word in NUMBERED and first.isdigit():
        return False
    if word in MONTHS:
        return not (first.islower() or first.isdigit())
    if len(word) == 1:
        return starts or (word == "i" and language == "en") or not (word.isalpha() and word.lower() != word.upper())
    if "." in word and max(map(len, word.split("."))) <= 3 and not any(map(str.isdigit, word)):
        return not (first.islower() or first.isdigit()) and (starts or word in ENDS_TOO)
    if word in ENDS_TOO:
        return first.isupper()
    return not is_abbreviation(found[0], language) or starts


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
