"""Messages ⇄ bytes: a fixed-width header that scripts read by position, and a msgpack body that only Python opens."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from math import isfinite
from typing import Any, TypeVar

import msgpack

from broker.body import pack, unpack
from broker.errors import WireError
from broker.fields import is_count, is_table_of_texts, is_text, misfits
from broker.messages import (
    NO_META,
    Failure,
    FailureCode,
    Job,
    Lane,
    Limits,
    ModelCard,
    Outcome,
    Presence,
    Result,
    Speed,
    Timing,
)

VERSION = b"1"
KIND_SYNC = b"s"  # room for asynchronous jobs, and for bodies by reference
LANES = {Lane.INTERACTIVE: b"i", Lane.BULK: b"b"}
LANE_OF = {mark: lane for lane, mark in LANES.items()}

# The header, in ASCII. scripts/ read the same positions by string.sub, counted from 1.
#   0 version(1)  1 kind(1)  2 lane(1)  3 attempts(1)  4 cost(7)  11 admitted ms(13)  24 deadline ms(13)
#  37 front end(16)  53 id(32)  85 body
HEADER = 85
ONLY_INPUT = b"\x81\xa5input"  # msgpack: a map of one entry, and its name
MAX_COST = 9_999_999

FRAME_RESULTS = b"O"  # each output is packed by itself
FRAME_RESULTS_BEFORE = b"R"  # of batchers of the version before: outputs stand in their rows as they are
FRAME_FAILURES = b"F"
FRAME_POISON = b"P"  # written by scripts: ids of 32 characters, one after another
ID_WIDTH = 32
STAMP = 13  # digits of a time in ms, in front of cards and presences in the registry
PLAIN = re.compile(r"[a-z0-9._-]+@[A-Za-z0-9._-]+")  # a card's key
UNREADABLE = "the outcome of this input could not be read"
TIMES = tuple(field.name for field in fields(Timing))
CODES = frozenset(code.value for code in FailureCode)
POISON_MESSAGE = "this input crashed the model three times and was set aside"

AnyDataclass = TypeVar("AnyDataclass")


def encode_job(job: Job) -> bytes:
    """Header and body of one job; times become whole milliseconds."""
    cost = min(max(job.cost, 0), MAX_COST)
    header = (
        f"{cost:07d}{int(job.admitted * 1000):013d}{int(job.deadline * 1000):013d}{job.front_end:<16.16}{job.id:<32.32}"
    )
    marks = VERSION + KIND_SYNC + LANES[job.lane] + b"%d" % min(job.attempts, 9)
    return marks + header.encode("ascii") + _body_of(job)


def _body_of(job: Job) -> bytes:
    """A map of `input` and `meta`; this is left out where there is none."""
    if job.meta:
        return pack({"input": job.input, "meta": dict(job.meta)})
    return ONLY_INPUT + pack(job.input)


def decode_job(data: bytes) -> Job:
    """The job in these bytes. Raises `WireError` for anything else."""
    # Digits and nothing else, as scripts read them: int() takes signs, blanks and underscores too.
    if len(data) <= HEADER or data[:1] != VERSION or not data[3:37].isdigit():
        raise WireError
    try:
        body = unpack(data[HEADER:])
        meta = body.get("meta", NO_META)
        if meta is not NO_META and not is_table_of_texts(meta):
            raise WireError
        return Job(
            lane=LANE_OF[data[2:3]],
            attempts=int(data[3:4]),
            cost=int(data[4:11]),
            admitted=int(data[11:24]) / 1000,
            deadline=int(data[24:37]) / 1000,
            front_end=data[37:53].decode("ascii").rstrip(),
            id=data[53:85].decode("ascii").rstrip(),
            input=body["input"],
            meta=meta,
        )
    except (ValueError, KeyError, AttributeError) as error:
        raise WireError from error


def job_id(data: bytes) -> str:
    """The id in a job's header, readable even where the body is not."""
    return data[53:85].decode("ascii", "replace").rstrip()


def front_end_of(data: bytes) -> str:
    """Who waits for this job, readable even where the body is not."""
    return data[37:53].decode("ascii", "replace").rstrip()


def encode_results(results: Sequence[Result]) -> bytes:
    """One frame: results that share a front end."""
    return frame_of([encode_result(result) for result in results])


def encode_result(result: Result) -> bytes:
    """One row of a frame. The output is packed by itself, so that one which cannot be read costs no other its row."""
    return pack(
        {
            "id": result.job_id,
            "output": pack(result.output),
            "queue": result.timing.queue,
            "window": result.timing.window,
            "compute": result.timing.compute,
            "batch_size": result.timing.batch_size,
        }
    )


def frame_of(rows: Sequence[bytes]) -> bytes:
    """One frame of results that are rows already."""
    header: bytes = msgpack.Packer().pack_array_header(len(rows))
    return b"".join((VERSION, FRAME_RESULTS, header, *rows))


def encode_failures(failures: Sequence[Failure]) -> bytes:
    """One frame: failures that share a front end."""
    rows = [{"id": failure.job_id, "code": failure.code.value, "message": failure.message} for failure in failures]
    return VERSION + FRAME_FAILURES + pack(rows)


def decode_frame(data: bytes, on_loss: Callable[[str], None] = lambda job_id: None) -> list[Outcome]:
    """The outcomes in one frame. Raises `WireError` for bytes that are not a frame.

    A row that cannot be read costs itself alone: its job has failed, and `on_loss` is told its id; one without an id is
    left out, and `on_loss` is told an empty one.
    """
    kind = data[1:2]
    if data[:1] != VERSION or kind not in (*READERS, FRAME_POISON):
        raise WireError
    try:
        if kind == FRAME_POISON:
            return _poisoned(data[2:].decode("ascii"))
        rows = unpack(data[2:])
    except ValueError as error:
        raise WireError from error
    if not isinstance(rows, list):
        raise WireError
    read, outcomes = READERS[kind], []
    for row in rows:
        outcome = _outcome(row, read, on_loss)
        if outcome is not None:
            outcomes.append(outcome)
    return outcomes


def _outcome(row: Any, read: Callable[[str, Any], Outcome], on_loss: Callable[[str], None]) -> Outcome | None:
    id = row.get("id") if isinstance(row, dict) else None
    if not isinstance(id, str):
        on_loss("")
        return None
    try:
        return read(id, row)
    except (ValueError, KeyError, TypeError):
        on_loss(id)
        return Failure(job_id=id, code=FailureCode.MODEL_ERROR, message=UNREADABLE)


def _result(id: str, row: dict[str, Any]) -> Result:
    row["output"] = unpack(row["output"])
    return _result_before(id, row)


def _result_before(id: str, row: dict[str, Any]) -> Result:
    timing = Timing(**{name: row[name] for name in TIMES if name in row})
    # Whoever waits adds these up; their sum is finite only where all of them are numbers, and finite.
    total = timing.queue + timing.window + timing.compute
    if not (is_count(timing.batch_size) and isfinite(total)):
        raise ValueError
    return Result(job_id=id, output=row["output"], timing=timing)


def _failure(id: str, row: dict[str, Any]) -> Failure:
    code, message = row["code"], row["message"]
    # A code of a later version says at least that the model gave no result.
    known = FailureCode(code) if code in CODES else FailureCode.MODEL_ERROR
    if not is_text(message):
        raise ValueError
    return Failure(job_id=id, code=known, message=message)


READERS: dict[bytes, Callable[[str, Any], Outcome]] = {
    FRAME_RESULTS: _result,
    FRAME_RESULTS_BEFORE: _result_before,
    FRAME_FAILURES: _failure,
}


def _poisoned(ids: str) -> list[Outcome]:
    starts = range(0, len(ids), ID_WIDTH)
    return [Failure(job_id=ids[at : at + ID_WIDTH], code=FailureCode.POISON, message=POISON_MESSAGE) for at in starts]


def encode_card(card: ModelCard) -> bytes:
    """A card, for the registry."""
    return pack(asdict(card))


def decode_card(data: bytes) -> ModelCard:
    """The card in these bytes; fields that this version does not know are ignored. Its name and revision stand in
    keys, addresses and headers, so they are held to plain characters."""
    card = _known(ModelCard, data)
    if not PLAIN.fullmatch(card.key):
        raise WireError("the name or revision of a card is not spelled with plain characters")
    return card


def encode_presence(presence: Presence) -> bytes:
    """One batcher's entry, for the registry."""
    return pack(asdict(presence))


def decode_presence(data: bytes) -> Presence:
    """The batcher in these bytes."""
    presence = _known(Presence, data)
    speed: Any = presence.speed
    return replace(presence, speed=_row_of(Speed, speed)) if isinstance(speed, dict) else presence


def limits_entry(found: Any) -> dict[bytes, bytes]:
    """Live limits as a script returns them: names and values in turns; a number where their key is no hash. Raises
    `WireError` for that."""
    if not isinstance(found, Sequence):
        raise WireError("their key is no hash")
    return dict(zip(found[::2], found[1::2], strict=True))


def unknown_limits(entry: Mapping[bytes, bytes]) -> list[str]:
    """Names that are no limit's: a typing error, or of a newer version."""
    known = {field.name.encode() for field in fields(Limits)}
    return [name.decode("utf-8", "replace") for name in entry if name not in known]


def decode_limits(entry: Mapping[bytes, bytes], default: Limits) -> Limits | None:
    """Live limits as an operator wrote them with HSET; None where there are none. Raises `WireError` for bad values."""
    if not entry:
        return None
    try:
        known = {field.name: type(getattr(default, field.name)) for field in fields(Limits)}
        named = {name.decode(): value.decode() for name, value in entry.items()}
        limits = replace(default, **{name: known[name](value) for name, value in named.items() if name in known})
    except ValueError as error:
        raise WireError(f"a value is not a number: {error}") from error
    if complaints := limits.complaints():
        raise WireError("; ".join(complaints))
    return limits


def _known(kind: type[AnyDataclass], data: bytes) -> AnyDataclass:
    try:
        return _row_of(kind, unpack(data))
    except ValueError as error:
        raise WireError from error


def _row_of(kind: type[AnyDataclass], row: Any) -> AnyDataclass:
    try:
        names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
        made = kind(**{name: value for name, value in row.items() if name in names})
        if misfits(kind, row):
            raise WireError
    except (TypeError, AttributeError) as error:
        raise WireError from error
    return made
