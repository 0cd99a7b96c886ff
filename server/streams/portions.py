"""How much of what has ended is made at once, and how much of it waits. Pure."""

from __future__ import annotations

from array import array
from collections import deque

from broker.messages import Value
from server.codecs.encoding import INLINE, weight
from server.codecs.work import BOUNDLESS
from server.requests.request import Record

NUMBER = 8  # bytes that stand for one of an output's values


def size_of(output: Value) -> int:
    """About its bytes."""
    if isinstance(output, str | bytes):
        return len(output)
    if isinstance(output, array):
        return len(output) * output.itemsize
    return NUMBER * weight([output], BOUNDLESS)


def portion(ended: deque[Record]) -> list[Record]:
    """As many from its beginning as are made without a thread, at least one."""
    found = [ended.popleft()]
    values = weight(found[0].values())
    while ended and (values := values + weight(ended[0].values())) <= INLINE:
        found.append(ended.popleft())
    return found
