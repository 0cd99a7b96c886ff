"""A reply as HTTP has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Header names are in lower case, or a mapping that does not mind."""

    status: int
    headers: Mapping[str, str]
    body: bytes
