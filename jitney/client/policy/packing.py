"""Many items in requests of a few. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

REQUEST_BYTES = 512 << 10  # half of what a front end takes unless told otherwise


def packed(
    items: Iterable[T | None], size_of: Callable[[T], int], *, most: int, most_bytes: int = REQUEST_BYTES
) -> Iterator[list[T]]:
    """As requests take them; an item that is larger than a request goes alone. None among the items: there is nothing
    for now, so what there is goes; an empty pack says that there is none. What the items raise comes behind the last.
    """
    pack: list[T] = []
    size = 0
    failure: Exception | None = None
    try:
        for item in items:
            weight = 0 if item is None else size_of(item)
            if item is None or (pack and (len(pack) >= most or size + weight > most_bytes)):
                yield pack
                pack, size = [], 0
            if item is not None:
                pack.append(item)
                size += weight
    except Exception as error:
        failure = error
    if pack:
        yield pack
    if failure:
        raise failure
