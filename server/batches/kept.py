"""What the store keeps of a batch. Nothing of it is ever written over, so two front ends cannot spoil it. Pure.

batches/<id>/batch.json      what was asked for
batches/<id>/cancel.json     somebody wants it to end
batches/<id>/part-00000012   a head in one line, then its lines of output, then its lines of errors. The highest part is
                             how far it is
batches/<id>/end.json        how it has ended; its parts are gone soon after
open-batches/<id>            it has not ended, as far as is known
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

BATCHES = "batches/"
OPEN = "open-batches/"
KEYS = "batch-keys/"  # by the digest of an Idempotency-Key: whose it is
PREFIX = "batch_"  # of every id
SHOWN = 22  # characters of an id that stand in the log, and in the ids of its requests
ID = re.compile(r"batch_[0-9a-f]{12}[0-9a-f]{24}")
PART = re.compile(r"part-(\d{8})")


class Asked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch as it was created. Times are seconds since 1970."""

    id: str
    endpoint: str
    input_file_id: str
    completion_window: str
    created_at: float
    expires_at: float  # then what is not computed is not computed any more
    metadata: dict[str, str] | None = None
    output_seconds: float | None = None  # that its files are kept
    webhook: str = ""  # whom to tell when it has ended
    caller: str = ""  # whose it is
    request_id: str = ""  # of the request that asked for it

    @property
    def identity(self) -> dict[str, Any]:
        """What names it in the log."""
        found = {"batch": shown(self.id), "request_id": self.request_id}
        return {name: value for name, value in found.items() if value}


class Cancel(Struct, frozen=True, kw_only=True):
    """It shall end."""

    cancelling_at: float


class Head(Struct, frozen=True, kw_only=True):
    """How far a batch is: the first line of a part. Part 0 is empty, and says that the input is good."""

    number: int
    total: int  # requests of the whole input
    begun_at: float
    written_at: float
    offset: int = 0  # bytes of the input that are answered
    lines: int = 0  # of the input, blank ones too
    completed: int = 0
    failed: int = 0
    expired: int = 0  # of the failed ones: their time was over
    output: int = 0  # bytes that follow: lines of output
    errors: int = 0  # then bytes of lines of errors
    is_last: bool = False


class LineError(Struct, frozen=True, kw_only=True):
    """What is wrong with an input."""

    code: str
    message: str
    line: int | None = None  # from 1
    param: str | None = None


class End(Struct, frozen=True, kw_only=True):
    """How a batch has ended."""

    status: str  # completed | failed | expired | cancelled
    at: float
    total: int = 0
    completed: int = 0
    failed: int = 0
    begun_at: float | None = None
    finalizing_at: float | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: list[LineError] = []


class KeyOwner(Struct, frozen=True, kw_only=True):
    """The batch that an Idempotency-Key stands for."""

    id: str
    fingerprint: str  # of the request


class Batch(Struct, frozen=True, kw_only=True):
    """All that is known of one of them."""

    asked: Asked
    cancel: Cancel | None = None
    head: Head | None = None
    end: End | None = None


Kept = TypeVar("Kept", bound=Struct)


def new_id(now: float) -> str:
    """Later ones sort after earlier ones; nobody can guess it."""
    return f"{PREFIX}{int(now * 1000):012x}{secrets.token_hex(12)}"


def shown(id: str) -> str:
    """An id as the log has it: whoever knows all of it may read the batch."""
    return f"{id[:SHOWN]}…"


def is_id(text: str) -> bool:
    return ID.fullmatch(text) is not None


def created_at(id: str) -> float:
    """When a batch of this id was created, seconds since 1970."""
    return int(id[len(PREFIX) : len(PREFIX) + 12], 16) / 1000


def folder(id: str) -> str:
    return f"{BATCHES}{id}/"


def asked_name(id: str) -> str:
    return f"{folder(id)}batch.json"


def cancel_name(id: str) -> str:
    return f"{folder(id)}cancel.json"


def end_name(id: str) -> str:
    return f"{folder(id)}end.json"


def part_name(id: str, number: int) -> str:
    return f"{folder(id)}part-{number:08d}"


def open_name(id: str) -> str:
    return f"{OPEN}{id}"


def key_name(digest: str) -> str:
    return f"{KEYS}{digest}"


def part_numbers(names: Iterable[str]) -> list[int]:
    """Of the parts among these names, in their order."""
    found = [PART.fullmatch(name.rpartition("/")[2]) for name in names]
    return sorted(int(one[1]) for one in found if one is not None)


def written(kept: Struct) -> bytes:
    return msgspec.json.encode(kept)


def read(data: bytes, kind: type[Kept]) -> Kept:
    return msgspec.json.decode(data, type=kind)


def part(head: Head, output: bytes, errors: bytes) -> bytes:
    """A part as it is stored; its head says how much of it is what."""
    return written(head) + b"\n" + output + errors
