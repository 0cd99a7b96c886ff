"""Whether a command said what its page shows: the same words, where numbers, and what `…` stands for, may be others."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

LOOSE = re.compile(r"[\w-]*…|\d+(?:\.\d+)?")
COMMENT = re.compile(r"\s{2,}#.*")


def missing(shown: Sequence[str], said: str, *, only_keys: bool = False) -> list[str]:
    """The shown lines that it did not say; `only_keys` where another model answers than the page's."""
    lines = [line.rstrip() for line in said.splitlines()]
    wanted = [COMMENT.sub("", line).rstrip() for line in shown]
    return [line for line in wanted if line and not any(_is_like(line, one, only_keys) for one in lines)]


def _is_like(shown: str, said: str, only_keys: bool) -> bool:
    if only_keys:
        return _keys(shown) == _keys(said)
    return bool(re.fullmatch(_pattern(shown), said))


def _pattern(shown: str) -> str:
    parts = re.split(f"({LOOSE.pattern})", shown)
    return "".join(re.escape(part) if at % 2 == 0 else _any_of(part) for at, part in enumerate(parts))


def _any_of(part: str) -> str:
    return ".*" if part.endswith("…") else r"[\d.eE+-]+"


def _keys(text: str) -> Any:
    try:
        return _of(json.loads(text))
    except ValueError:
        return text


def _of(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _of(one) for key, one in value.items()}
    return [_of(one) for one in value] if isinstance(value, list) else type(value) is str
