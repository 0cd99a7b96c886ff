"""`"fromLang": "auto"`: a translation codec that finds out for itself which language each record is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from broker.messages import ModelCard, Value
from server.codecs.checks import text_of
from server.codecs.contract import Codec, Input, Plan
from server.codecs.errors import CodecError
from server.codecs.translation.languages import by_tag
from server.codecs.translation.protected.markup import words_of
from server.codecs.work import UNBOUNDED, Work
from server.languages.identify import AUTO, READ, REMEDY, Guess, Identify, identifier, is_installed

NEEDED = f"fromLang: 'auto' needs the extra langid, which this front end is installed without: {REMEDY}"


class Detected(Struct, frozen=True):
    """What a plan keeps for `decode` where its language was found out."""

    guess: Guess
    memo: Any  # the codec's own


class Unknown(Struct, frozen=True):
    """What a plan keeps where no language was found."""

    text: str


class AutoCodec:
    """As the codec within; with `auto` an answer says `detectedLang` and `detectedScore` besides.

    A text whose language is not found comes back as it is, and says neither.
    """

    def __init__(self, card: ModelCard, within: Codec) -> None:
        self.within = within
        self._languages = tuple(card.languages) or tuple(card.options.get("language_ids") or ())
        self._identify = identifier(by_tag(self._languages)) if is_installed() else None

    def identify(self, text: str) -> list[Guess]:
        """The model's languages that a text may be in, best first. Raises `CodecError` where the extra is missing."""
        return self._installed()(text)

    def check(self, options: Mapping[str, Any]) -> None:
        """As the codec within; `auto` is refused where the extra is missing."""
        if options.get("fromLang") == AUTO:
            self._installed()
            options = _from(self._languages[0], options)  # for the rest of them
        self.within.check(options)

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        """As the codec within, from the language that fits this record best."""
        if options.get("fromLang") != AUTO:
            return self.within.encode(input, options, work)
        text = text_of(input)
        guesses = self.identify(_words(text, options, work))
        if not guesses:
            return Plan(memo=Unknown(text))
        plan = self.within.encode(text, _from(guesses[0].code, options), work)
        return replace(plan, memo=Detected(guesses[0], plan.memo))

    def decode(self, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any]:
        """As the codec within, and which language was found."""
        memo = plan.memo
        if isinstance(memo, Unknown):
            return {"text": memo.text}
        if not isinstance(memo, Detected):
            return self.within.decode(plan, outputs)
        fields = self.within.decode(replace(plan, memo=memo.memo), outputs)
        return {**fields, "detectedLang": memo.guess.code, "detectedScore": memo.guess.score}

    def _installed(self) -> Identify:
        if self._identify is None:
            raise CodecError(NEEDED, code="unknown_language", languages=sorted(set(self._languages)))
        return self._identify


def _words(text: str, options: Mapping[str, Any], work: Work) -> str:
    return words_of(text, READ, work) if options.get("format") == "html" else text


def _from(language: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {**options, "fromLang": language}
