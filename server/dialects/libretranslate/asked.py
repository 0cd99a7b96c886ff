"""What the fields of a request to LibreTranslate's addresses ask for. Pure. Messages are those that clients know."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from broker.messages import FailureCode
from server.errors import Problem

Fields = Mapping[str, Any]
AUTO = "auto"
FORMATS = ("text", "html")
NOTHING = (None, "")
DIGITS = re.compile("[0-9]{1,3}")
SHOWN = 40  # characters of a value that a message repeats


class Asked(Struct, frozen=True, kw_only=True):
    """Texts to translate, and how."""

    texts: Sequence[str]
    is_list: bool
    source: str  # a code as it was sent, or `AUTO`
    target: str
    format: str  # one of `FORMATS`
    alternatives: int  # how many are wanted besides; there never are any


def asked(fields: Fields) -> Asked:
    """Raises `Problem` (malformed, invalid_input)."""
    texts, is_list = _texts(fields)
    source, target = required(fields, "source"), required(fields, "target")
    return Asked(
        texts=texts,
        is_list=is_list,
        source=AUTO if source.strip().lower() == AUTO else source,
        target=target,
        format=format_of(fields),
        alternatives=_alternatives(fields.get("alternatives")),
    )


def required(fields: Fields, name: str) -> str:
    """A text that has to be there. Raises `Problem` (malformed)."""
    value = fields.get(name)
    if not value:
        raise Problem("malformed", f"Invalid request: missing {name} parameter")
    if not isinstance(value, str):
        raise Problem("malformed", f"Invalid request: {name} must be a string")
    return value


def format_of(fields: Fields) -> str:
    """`text` where nothing is said. Raises `Problem` (invalid_input)."""
    said = fields.get("format")
    if said in NOTHING:
        return FORMATS[0]
    if said not in FORMATS:
        raise Problem(FailureCode.INVALID_INPUT, f"{str(said)[:SHOWN]} format is not supported")
    return str(said)


def _texts(fields: Fields) -> tuple[Sequence[str], bool]:
    said = fields.get("q")
    if not isinstance(said, list) or not said:
        return [required(fields, "q").replace("\r\n", "\n")], False  # which forms have at the ends of lines
    if not all(isinstance(text, str) for text in said):
        raise Problem("malformed", "Invalid request: q must be a string or a list of strings")
    return said, True


def _alternatives(said: Any) -> int:
    """A form says it in digits, and some JSON a whole number with a fraction of nothing."""
    if said in NOTHING:
        return 0
    is_number = isinstance(said, int | float) and not isinstance(said, bool) and said >= 0 and said == int(said)
    if not is_number and not (isinstance(said, str) and DIGITS.fullmatch(said)):
        raise Problem("malformed", "Invalid request: alternatives parameter is not a number")
    return int(said)
