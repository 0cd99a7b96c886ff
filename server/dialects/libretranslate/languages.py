"""Which languages a model speaks, as clients of translation servers spell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from broker.messages import ModelCard
from server.codecs.errors import CodecError
from server.codecs.translation.languages import by_tag, resolve, short_language
from server.dialects.libretranslate.names import NAMES
from server.errors import Problem

# What LibreTranslate called them before its release 1.9, and no standard does.
OLDER = {"pb": "pt-BR", "zt": "zh-Hant"}
SHOWN = 40  # characters of a code that a message repeats


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """A model's languages. Each of `names` is a code that a client may use, and its English name."""

    names: Mapping[str, str]
    codes: Mapping[str, str]  # of the model's own codes, the one that clients are told
    offered: Mapping[str, str]  # of each code that is read by rule, the model's own

    def own(self, code: str) -> str:
        """The model's own code for this one. Raises `Problem` (unknown_language)."""
        try:
            return resolve(OLDER.get(code.strip().lower(), code), self.offered, "")
        except CodecError as error:
            raise Problem("unknown_language", f"{code[:SHOWN]} is not supported", **error.extra) from error


def spoken(card: ModelCard) -> Spoken:
    """The languages of this model."""
    return _spoken(tuple(card.languages))


@lru_cache(maxsize=16)  # models that a front end knows
def _spoken(languages: Sequence[str]) -> Spoken:
    offered = by_tag(languages)
    known = {code: name for code, name in NAMES.items() if _is_offered(code, offered)}
    owns = {code: resolve(code, offered, "") for code in known}
    further = {own: own for own in languages if own not in owns.values()}  # as the model spells them
    codes = {own: own for own in further}
    for code, own in owns.items():
        if own not in codes or code == short_language(own):  # the plainest of several, else the first
            codes[own] = code
    return Spoken(dict(sorted((known | further).items())), codes, offered)


def _is_offered(code: str, offered: Mapping[str, str]) -> bool:
    try:
        return bool(resolve(code, offered, ""))
    except CodecError:
        return False
