"""What goes wrong before a model is loaded."""

from __future__ import annotations

import traceback

from batcher.engines.exceptions import one_line


class ModelSpecError(ValueError):
    """This spec names no model that can be served here. One line, for the person who typed it: what, and what to do."""


def describe(error: BaseException) -> str:
    """An exception of somebody else's code in one line: what it says, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return one_line(error) + ("" if isinstance(error, SyntaxError) else place)
