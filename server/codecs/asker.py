"""Whose request this task or thread computes for."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Protocol


class Named(Protocol):
    """A request, as the log knows it."""

    @property
    def identity(self) -> Mapping[str, str]: ...


# Set where a request comes in, and read for a line about a codec's mistake alone: a record that is decoded knows of no
# request, for each would keep the other alive.
ASKER: ContextVar[Named | None] = ContextVar("asker", default=None)


def who() -> Mapping[str, Any]:
    """What a line of the log says of it; nothing where nobody is known."""
    asker = ASKER.get()
    return {} if asker is None else asker.identity
