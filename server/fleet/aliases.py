"""Further names of models, as clients know them: of any spelling, where ours are short and in lower case. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from broker.settings import NAME

PAIR = re.compile(rf"([^=\s]+)=({NAME})")


def parse_aliases(text: str) -> dict[str, str]:
    """`alias=name …` by alias. Raises `ValueError` that says what is wrong with it."""
    found: dict[str, str] = {}
    for part in text.replace(",", " ").split():
        pair = PAIR.fullmatch(part)
        if pair is None:
            raise ValueError(f"{part!r} is not spelled as alias=name")
        if pair[1] in found:
            raise ValueError(f"{pair[1]!r} is named twice")
        found[pair[1]] = pair[2]
    return found


def own_name(aliases: Mapping[str, str], name: str) -> str:
    """What the model itself is called, of whatever a client calls it by: `alias`, or `alias@revision`."""
    if name in aliases or "@" not in name:
        return aliases.get(name, name)
    alias, _, revision = name.partition("@")
    return f"{aliases.get(alias, alias)}@{revision}"
