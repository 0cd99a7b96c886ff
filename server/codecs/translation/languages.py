"""Which of a model's languages a caller means. Pure: tags in, the model's own code out.

A tag is read as BCP 47 has it: language, script, region. A region is dropped where the model does not tell regions
apart, and a script that is the model's own. What would be lost without a word is refused: another script, a variant, a
private use. Regions in which a language is written in another script say so as if they had spelt it out. Codes of
FLORES-200, `zho_Hans`, are tags like others, whether a caller says them or a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from server.codecs.errors import CodecError
from server.codecs.translation.flores import BY_REGION, SHORT, USUAL_SCRIPTS, WRITTEN_ELSEWHERE
from server.codecs.translation.writing_systems import NAMES, NUMBERS, SCRIPTS

SHOWN = 40  # characters of a name that a message repeats
LONGEST = 64  # characters; no tag of a living language is nearly as long


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """The parts of a tag, in lower case; "" for one that is not there."""

    language: str
    script: str = ""
    region: str = ""

    @property
    def code(self) -> str:
        """The language by its usual code: `deu` and `ger` are `de`."""
        return SHORT.get(self.language, self.language)

    @property
    def written(self) -> str:
        """The script that it asks for, in so many words or by its region; "" where it leaves that to the model."""
        return self.script or WRITTEN_ELSEWHERE.get((self.code, self.region), "")


def by_tag(codes: Iterable[str]) -> dict[str, str]:
    """The codes a model speaks, by the way `resolve` looks them up."""
    known = list(codes)
    usual = {key: code for code in known for key in _usual_names(_normal(code))}
    return {**usual, **{_normal(code): code for code in known}, **{code: code for code in known}}


def short_language(code: str) -> str:
    """The usual code of the language behind a model's own: `zh` of `zho_Hant`."""
    tag = read_tag(_normal(code))
    return code if tag is None else tag.code


def _usual_names(code: str) -> Iterator[str]:
    """Of a model's code in lower case: its language as people write it, alone where its script is the usual one."""
    yield SHORT.get(code, code)
    tag = read_tag(code)
    if tag is None or not tag.script or tag.region:
        return
    yield f"{tag.code}-{tag.script}"
    if tag.script in SCRIPTS.get(tag.code, (USUAL_SCRIPTS.get(tag.code, tag.script),)):
        yield tag.code
        if tag.code in BY_REGION:
            yield BY_REGION[tag.code]


def resolve(name: Any, offered: Mapping[str, str], field: str) -> str:
    """The model's code for a language tag of any case, with `-` or `_`. Raises `CodecError` with the list of languages
    for anything else."""
    if name.__class__ is str and name in offered:
        return offered[name]
    if not isinstance(name, str) or not name:
        raise _unknown(f"{field} is missing" if name in (None, "") else f"{field} must be a language code", offered)
    tag = _normal(name)
    if tag in offered:
        return offered[tag]
    asked = read_tag(tag)
    if asked is None:
        raise _unknown(_no_language(field, name), offered)
    for key in _keys(asked):
        if key in offered:
            return offered[key]
    raise _unknown(_why_not(asked, offered, field, name), offered)


def read_tag(tag: str) -> Tag | None:
    """The parts of a tag in lower case; None for what is no tag, and for one that asks for more than its parts."""
    language, *rest = tag.split("-") if tag.isascii() and len(tag) <= LONGEST else [""]
    if not _is_word(language, 2, 3):
        return None
    inner = _take(rest, _is_word, 3, 3)  # cmn in zh-cmn: a language of its own, behind the one that covers it
    script = _take(rest, _is_word, 4, 4)
    region = _take(rest, _is_word, 2, 2) or _take(rest, _is_number, 3, 3)
    region = NUMBERS.get(region, region)
    if rest and not _is_locale(rest):
        return None
    asked = Tag(language=inner or language, script=script, region=region)
    is_astray = inner and asked.code in SCRIPTS and asked.code != SHORT.get(language, language)  # en-cmn
    return None if is_astray else asked


def _keys(asked: Tag) -> Iterator[str]:
    """What to look for among a model's codes, the closest first."""
    own = SCRIPTS.get(asked.code, ())
    for language in dict.fromkeys([asked.language, asked.code]):
        if asked.written:
            yield f"{language}-{asked.written}-{asked.region}"
            yield f"{language}-{asked.written}"
        if not asked.written or asked.written in own:
            yield f"{language}-{asked.region}"
            yield language
            yield from (f"{language}-{script}" for script in own)


def _why_not(asked: Tag, offered: Mapping[str, str], field: str, name: str) -> str:
    if asked.code == "zh" and asked.written == "hant":
        return f"{field}: Traditional Chinese ({_shown(name)}) is not offered by this model; zh-Hans is Simplified"
    own = SCRIPTS.get(asked.code, ())
    if asked.written and own and asked.code in offered:
        there = NAMES.get(own[0], own[0].capitalize())
        return f"{_no_language(field, name)}: it writes {offered[asked.code]} in {there} script only"
    return _no_language(field, name)


def _no_language(field: str, name: str) -> str:
    return f"{field}: {_shown(name)} is not one of this model's languages"


def _normal(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def _take(rest: list[str], fits: Any, least: int, most: int) -> str:
    return rest.pop(0) if rest and fits(rest[0], least, most) else ""


def _is_word(part: str, least: int, most: int) -> bool:
    return part.isalpha() and least <= len(part) <= most


def _is_number(part: str, least: int, most: int) -> bool:
    return part.isdecimal() and least <= len(part) <= most


def _is_locale(rest: list[str]) -> bool:
    """`-u-…`: the caller's calendar, numbers and the like, on which no translation depends."""
    return rest[0] == "u" and len(rest) > 1 and all(part.isalnum() and 2 <= len(part) <= 8 for part in rest[1:])


def _shown(name: str) -> str:
    """A caller's own word, cut and escaped: it goes into a response and into logs."""
    return ascii(name[:SHOWN])


def _unknown(message: str, offered: Mapping[str, str]) -> CodecError:
    return CodecError(message, code="unknown_language", languages=sorted(set(offered.values())))
