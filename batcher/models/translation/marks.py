"""How an answer travels: its pieces, and what is not as it should be with them."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

from batcher.models.contract import Output


def marked(pieces: Sequence[int], *, is_degenerate: bool = False, is_cut: bool = False) -> Output:
    """`array("i")`; or a mapping with it and its marks. `is_cut`: it came to its limit before its end."""
    ids = array("i", pieces)
    marks = {name: True for name, holds in (("degenerate", is_degenerate), ("truncated", is_cut)) if holds}
    return {"pieces": ids, **marks} if marks else ids


def pieces_of(output: Output) -> Sequence[int]:
    """The pieces of an answer, marked or not."""
    pieces: Sequence[int] = output["pieces"] if isinstance(output, Mapping) else output
    return pieces
