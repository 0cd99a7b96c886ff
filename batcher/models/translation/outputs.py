"""What a translation answers with: its pieces, and marks for what is wrong with them."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

from batcher.models.contract import Output


def translation_output(pieces: Sequence[int], *, is_degenerate: bool = False, is_truncated: bool = False) -> Output:
    """`array("i")`; or a mapping with it and its marks. `is_truncated`: it reached its limit before its end."""
    ids = array("i", pieces)
    marks = {name: True for name, holds in (("degenerate", is_degenerate), ("truncated", is_truncated)) if holds}
    return {"pieces": ids, **marks} if marks else ids


def pieces_of(output: Output) -> Sequence[int]:
    """The pieces of an answer, marked or not."""
    pieces: Sequence[int] = output["pieces"] if isinstance(output, Mapping) else output
    return pieces
