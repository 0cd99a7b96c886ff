"""How long each fault was felt: tests record it, and the run prints one table at its end."""

from __future__ import annotations

from collections.abc import Mapping

_recorded: dict[str, float] = {}


def record(fault: str, seconds: float) -> None:
    """`fault` was felt for `seconds`; the longest of several counts."""
    _recorded[fault] = max(round(seconds, 2), _recorded.get(fault, 0.0))


def recorded() -> Mapping[str, float]:
    """What this process has recorded."""
    return _recorded


def lines() -> list[str]:
    """The table, one line a fault."""
    return [f"{seconds:7.2f} s  {fault}" for fault, seconds in sorted(_recorded.items())]
