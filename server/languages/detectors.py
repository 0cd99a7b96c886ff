"""ELD and CLD2 asked which language a text is in. Imported only where the extra `langid` is installed.

ELD is the better one and knows 60 languages, CLD2 knows 160. So CLD2 is asked only for a model that speaks languages
that ELD does not know, and is believed only where it names one of these (decision 0022 has the figures).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import eldc
import pycld2

from server.languages.identify import READ, Guess

# ELD reads 1,000 bytes of what is given to it. An address is in no language, nor is what has no letters.
WORDLESS = re.compile(r"\A(?:[\W\d_]+|(?:https?://|www\.)[^\s<>\"]+)*+")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # ELD takes the first for the end, CLD2 takes none
ELD_KNOWS = tuple(eldc.LANGUAGES)
CLD2_KNOWS = tuple(code for _, code in pycld2.LANGUAGES)
USUAL = {"iw": "he", "jw": "jv", "nso": "ns"}  # what CLD2 calls otherwise than tags do

# A text that fits some other language better by so much is in none of the model's. Of what is in one of them, next to
# nothing does, misspelt or not; of what is not, nearly all.
FOREIGN = 0.2

eldc.init()  # once and by one thread, as it asks for: imports are
ANY_LANGUAGE = eldc.instance()
ANY_LANGUAGE.set_scores(1)


class Detectors:
    """The languages of one model. Keeps nothing of what it reads."""

    def __init__(self, offered: Mapping[str, str]) -> None:
        self._eld_codes = {code: offered[code] for code in ELD_KNOWS if code in offered}
        self._cld2_codes = {code: own for code in CLD2_KNOWS if (own := offered.get(_usual(code))) is not None}
        self._unknown_to_eld = set(self._cld2_codes.values()) - set(self._eld_codes.values())
        self._eld = eldc.instance()
        if self._eld_codes:  # none would be taken for all
            self._eld.set_languages(list(self._eld_codes))

    def __call__(self, text: str) -> list[Guess]:
        beginning = CONTROLS.sub(" ", WORDLESS.sub("", text, count=1)[:READ])
        if self._unknown_to_eld:
            guesses = self._ask_cld2(beginning)
            if guesses and guesses[0].code in self._unknown_to_eld:
                return guesses
        return self._ask_eld(beginning)

    def _ask_eld(self, text: str) -> list[Guess]:
        if not self._eld_codes:
            return []
        scores = self._eld.detect_details(text).scores
        guesses = [Guess(self._eld_codes[code], round(score, 3)) for code, score in scores.items()]
        return [] if guesses and _best_of_any(text) > guesses[0].score + FOREIGN else guesses

    def _ask_cld2(self, text: str) -> list[Guess]:
        try:
            _, _, found = pycld2.detect(text, isPlainText=True, bestEffort=True)
        except pycld2.error:  # for characters that Unicode did not have yet when it was written
            return []
        codes = self._cld2_codes
        return [Guess(codes[code], percent / 100) for _, code, percent, _ in found if code in codes]


def _best_of_any(text: str) -> float:
    scores: dict[str, float] = ANY_LANGUAGE.detect_details(text).scores
    return max(scores.values(), default=0.0)


def _usual(code: str) -> str:
    """CLD2's code as tags have it: `iw` is `he`."""
    return USUAL.get(code, code.lower())
