"""Which of a model's languages a caller means. Pure: tags in, the model's own code out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from server.codecs.contract import CodecError

# Other names for the same language: older codes, and the tags that browsers and translators send.
ALIASES = {
    "zh-hans": "zh",
    "cmn": "zh",
    "nb": "no",
    "fil": "tl",
    "iw": "he",
    "in": "id",
    "ji": "yi",
    "jw": "jv",
    "mo": "ro",
}
# These regions write Traditional characters: dropping the region would answer in the wrong script.
TRADITIONAL = frozenset({"zh-hant", "zh-tw", "zh-hk", "zh-mo"})
SHOWN = 40  # characters of a name that a message repeats


def by_tag(codes: Iterable[str]) -> dict[str, str]:
    """The codes a model speaks, by the way `resolve` looks them up."""
    return {_normal(code): code for code in codes} | {code: code for code in codes}


def resolve(name: Any, offered: Mapping[str, str], field: str) -> str:
    """The model's code for a language tag of any case, with `-` or `_`.

    A region is dropped where the model does not tell regions apart; a script or a variant is not, because what it asks
    for would be lost. Raises `CodecError` with the list of languages for anything else.
    """
    if name.__class__ is str and name in offered:
        return offered[name]
    if not isinstance(name, str) or not name:
        raise _unknown(f"{field} is missing" if name in (None, "") else f"{field} must be a language code", offered)
    tag = _normal(name)
    while tag not in offered:
        if tag in TRADITIONAL:
            raise _unknown(f"{field}: Traditional Chinese ({_shown(name)}) is not offered by this model", offered)
        tag = ALIASES.get(tag) or _without_region(tag)
        if not tag:
            raise _unknown(f"{field}: {_shown(name)} is not one of this model's languages", offered)
    return offered[tag]


def _normal(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def _without_region(tag: str) -> str:
    """`pt` for `pt-br` and `es` for `es-419`; "" when the last part is no region."""
    rest, _, last = tag.rpartition("-")
    is_region = (len(last) == 2 and last.isalpha()) or (len(last) == 3 and last.isdecimal())
    return rest if is_region else ""


def _shown(name: str) -> str:
    """A caller's own word, cut and escaped: it goes into a response and into logs."""
    return ascii(name[:SHOWN])


def _unknown(message: str, offered: Mapping[str, str]) -> CodecError:
    return CodecError(message, code="unknown_language", languages=sorted(set(offered.values())))
