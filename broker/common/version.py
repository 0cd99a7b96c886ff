"""Which Jitney this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

UNKNOWN = "0.0.0+source"


def jitney_version() -> str:
    """The installed version; `UNKNOWN` when it runs from a source tree that was never installed."""
    try:
        return version("jitney")
    except PackageNotFoundError:
        return UNKNOWN
