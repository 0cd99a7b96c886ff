"""The files of Docker Compose, read as Compose reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.integration.images.dockerfile import ROOT

DEFAULTED = re.compile(r"\$\{(\w+):-([^}]*)\}")


def compose(*names: str, variables: Mapping[str, str] = {}) -> dict[str, Any]:
    """Merged, with variables filled in. Raises `ValueError` for one without a default."""
    merged: dict[str, Any] = {}
    for name in names:
        merged = _merged(merged, yaml.safe_load((ROOT / name).read_text(encoding="utf-8")))
    return _filled(merged, variables)  # type: ignore[no-any-return]


def _merged(below: Any, above: Any) -> Any:
    """Mappings by their keys; anything else is replaced, and nothing of ours has lists in two files."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {name: _merged(below.get(name), value) for name, value in above.items()}
    return above


def _filled(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {name: _filled(value, variables) for name, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, variables) for value in node]
    if isinstance(node, str):
        text = DEFAULTED.sub(lambda found: variables.get(found[1], found[2]), node)
        if "$" in text:
            raise ValueError(f"only ${{NAME:-DEFAULT}} is known here: {node}")
        return text
    return node
