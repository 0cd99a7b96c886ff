"""The msgpack body of a message: plain values and arrays, within bounds that keep rubbish from filling memory."""

from __future__ import annotations

import threading
from array import array
from typing import Any

import msgpack

INT32, FLOAT32 = 1, 2  # msgpack extension types: arrays, little-endian
MAX_ITEMS = 1 << 20  # elements of one msgpack array or map: a body cannot blow up memory
MAX_BYTES = 1 << 26  # of one text, one array of numbers, one run of bytes
MAX_CONTAINERS = 1 << 16  # msgpack arrays and maps of a body: an empty one is a byte there, and seventy here
UNCOUNTED = min(MAX_ITEMS, MAX_BYTES, MAX_CONTAINERS)  # bytes: a body of so many can break none of these bounds
MAX_OUTPUT = 1 << 25  # bytes of one packed output: more would not pass one trip to the broker in good time
MAX_KEPT = 1 << 20  # bytes: a packer keeps a buffer as large as the largest that it has packed
CANNOT_TRAVEL = "the model's output cannot be sent"
TOO_LARGE = f"the model's output is larger than {MAX_OUTPUT >> 20} MiB"


def pack(value: Any) -> bytes:
    """Any plain value or int32/float32 array, as msgpack."""
    packed: bytes = _packers.packer.pack(value)
    if len(packed) > MAX_KEPT:
        _packers.packer = msgpack.Packer(default=_extend)
    return packed


def obstacle(value: Any) -> str:
    """Why this output cannot travel, in words for its caller; empty when it can: it is read as the other side will."""
    if type(value) is array and value.typecode in "if":  # numbers, the common case: nothing in them can be wrong
        return TOO_LARGE if len(value) * value.itemsize > MAX_OUTPUT else ""
    if value.__class__ is str and value.isascii():  # nor here; of other letters some cannot be encoded
        return TOO_LARGE if len(value) > MAX_OUTPUT else ""
    try:
        packed = pack(value)
        if len(packed) > MAX_OUTPUT:
            return TOO_LARGE
        unpack(packed)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return CANNOT_TRAVEL
    return ""


def unpack(data: bytes) -> Any:
    """The value in these bytes. Raises `ValueError` for anything malformed, oversized or of an unknown type."""
    try:
        if len(data) <= UNCOUNTED:
            return msgpack.unpackb(data, raw=False, strict_map_key=False, ext_hook=_restore)
        budget = _Budget()
        return msgpack.unpackb(
            data,
            list_hook=budget.spend,
            object_hook=budget.spend,
            raw=False,
            strict_map_key=False,  # options and outputs of custom models may be keyed by numbers
            ext_hook=_restore,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
            max_str_len=MAX_BYTES,
            max_bin_len=MAX_BYTES,
            max_ext_len=MAX_BYTES,
        )
    except (msgpack.UnpackException, msgpack.exceptions.ExtraData, OverflowError, TypeError, ValueError) as error:
        raise ValueError("malformed msgpack") from error


class _Budget:
    """Counts the containers of one body."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_CONTAINERS

    def spend(self, container: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ValueError("too many arrays and maps")
        return container


def _extend(value: Any) -> msgpack.ExtType:
    if isinstance(value, array) and value.typecode in "if":
        return msgpack.ExtType(INT32 if value.typecode == "i" else FLOAT32, value.tobytes())
    raise TypeError(f"{type(value).__name__} cannot travel: use plain values, or arrays of int32 or float32")


class _Packers(threading.local):
    """One a thread: making one, with its buffer, takes longer than packing a job."""

    def __init__(self) -> None:
        self.packer = msgpack.Packer(default=_extend)


_packers = _Packers()


def _restore(code: int, data: bytes) -> array[Any]:
    if code == INT32:
        return array("i", data)
    if code == FLOAT32:
        return array("f", data)
    raise ValueError("unknown msgpack extension type")
