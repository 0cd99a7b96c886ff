"""Messages ⇄ bytes: a fixed-width header that scripts read by position, and a msgpack body that only Python opens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Annotated, Any

import msgpack
import msgspec
from msgspec import Meta, Struct

from broker.body import pack, unpack
from broker.errors import WireError
from broker.fields import is_text
from broker.header import BY_REFERENCE, FIELDS, KIND, MAX_ATTEMPTS, MAX_COST, NEW, PLACES, TEMPLATE, VERSION, WIDTHS
from broker.header import SIZE as HEADER
from broker.keys import PROTOCOL
from broker.messages import NO_META, Failure, FailureCode, Job, Lane, Outcome, Result, Timing

LANES = {Lane.INTERACTIVE: "i", Lane.BULK: "b"}
LANE_OF = {letter.encode(): lane for lane, letter in LANES.items()}
OURS = VERSION.encode(), KIND.encode()
KIND_AT = PLACES["kind"]
OURS_APART = VERSION.encode(), BY_REFERENCE.encode()
LARGE = HEADER + (1 << 14)  # bytes of a job; the body of a larger one lies apart, so that no script copies it
DIGITS = slice(PLACES["list"].start, PLACES["deadline"].stop)
ONLY_INPUT = b"\x81\xa5input"  # msgpack: a map of one entry, and its name
INPUT, META = b"\x82\xa5input", b"\xa4meta"  # a map of two entries, and their names

FRAME_RESULTS = b"%dO" % PROTOCOL  # each output is packed by itself
FRAME_FAILURES = b"%dF" % PROTOCOL
FRAME_POISON = b"%dP" % PROTOCOL  # written by scripts: ids, one after another
UNREADABLE = "the outcome of this input could not be read"
CODES = frozenset(code.value for code in FailureCode)
POISON_MESSAGE = "this input crashed the model three times and was set aside"


class Row(Struct, frozen=True):
    """A result in its frame; what a later version adds is passed over."""

    id: str
    output: bytes  # packed by itself, so that one which cannot be read costs no other its row
    queue: float = 0.0
    window: float = 0.0
    compute: float = 0.0
    batch_size: Annotated[int, Meta(ge=0)] = 1


ROWS = msgspec.msgpack.Decoder(list[Row])
PACK = msgspec.msgpack.Encoder().encode


def encode_job(job: Job) -> bytes:
    """Header and body of one job: a map of its input, and of its meta where there is some. Times become whole
    milliseconds."""
    return _encoded(job, _packed_meta(job.meta))


def encode_jobs(jobs: Sequence[Job]) -> list[bytes]:
    """The same for each: those of one request share their meta, which is packed once."""
    found, meta, packed = [], NO_META, b""
    for job in jobs:
        if job.meta is not meta:
            meta, packed = job.meta, _packed_meta(job.meta)
        found.append(_encoded(job, packed))
    return found


def _packed_meta(meta: Mapping[str, str]) -> bytes:
    return META + pack(dict(meta)) if meta else b""


def _encoded(job: Job, meta: bytes) -> bytes:
    cost = job.cost if 0 <= job.cost <= MAX_COST else min(max(job.cost, 0), MAX_COST)
    if not (job.attempts or job.admitted or job.deadline):  # as every front end brings it
        header = NEW % (LANES[job.lane], cost, job.front_end, job.id)
    else:
        attempts, times = min(job.attempts, MAX_ATTEMPTS), (job.admitted * 1000, job.deadline * 1000)
        turn = LANES[job.lane], job.list, job.weight
        header = TEMPLATE % (VERSION, KIND, *turn, attempts, cost, *times, job.front_end, job.id)
    if meta:
        return header.encode("ascii") + INPUT + pack(job.input) + meta
    return header.encode("ascii") + ONLY_INPUT + pack(job.input)


def without_body(data: bytes) -> bytes:
    """What waits in place of a job whose body lies apart: its header, and how many bytes it has with its body."""
    return b"%b%b%b%010d" % (data[: KIND_AT.start], OURS_APART[1], data[KIND_AT.stop : HEADER], len(data))


def lies_apart(data: bytes) -> bool:
    """Whether the body of this job does."""
    return data[KIND_AT] == OURS_APART[1]


def size_with_body(data: bytes) -> int:
    """Bytes, as scripts count them; zero where a job does not say."""
    digits = data[HEADER:]
    return len(data) if not lies_apart(data) else int(digits) if digits.isdigit() else 0


def decode_job(data: bytes, body: bytes | None = None) -> Job:
    """The job in these bytes, with its `body` where that lies apart. Raises `WireError` for anything else: also for a
    job of another version or kind."""
    # Digits and nothing else, as scripts read them: int() takes signs, blanks and underscores too.
    if len(data) <= HEADER or not data[DIGITS].isdigit():
        raise WireError
    version, kind, lane, list_, weight, attempts, cost, admitted, deadline, front_end, id = FIELDS.unpack_from(data)
    if (version, kind) != (OURS if body is None else OURS_APART):
        raise WireError
    try:
        content = unpack(data[HEADER:] if body is None else body)
        return Job(
            lane=LANE_OF[lane],
            list=int(list_),
            weight=int(weight),
            attempts=int(attempts),
            cost=int(cost),
            admitted=int(admitted) / 1000,
            deadline=int(deadline) / 1000,
            front_end=front_end.decode("ascii").rstrip(),
            id=id.decode("ascii").rstrip(),
            input=content["input"],
            meta=_texts(content["meta"]) if "meta" in content else NO_META,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise WireError from error


def _texts(meta: dict[str, str]) -> Mapping[str, str]:
    """As it travelled. Raises `TypeError` for what is no map of texts."""
    "".join((*meta, *dict.values(meta)))  # joins texts and nothing else: nine times as fast as asking what each one is
    return meta


def encode_results(results: Sequence[Result]) -> bytes:
    """One frame: results that share a front end."""
    return frame_of([encode_result(result) for result in results])


def encode_result(result: Result) -> bytes:
    """One row of a frame."""
    timing = result.timing
    row = Row(result.job_id, pack(result.output), timing.queue, timing.window, timing.compute, timing.batch_size)
    return PACK(row)


def frame_of(rows: Sequence[bytes]) -> bytes:
    """One frame of results that are rows already."""
    header: bytes = msgpack.Packer().pack_array_header(len(rows))
    return b"".join((FRAME_RESULTS, header, *rows))


def encode_failures(failures: Sequence[Failure]) -> bytes:
    """One frame: failures that share a front end."""
    rows = [{"id": failure.job_id, "code": failure.code.value, "message": failure.message} for failure in failures]
    return FRAME_FAILURES + pack(rows)


def decode_frame(data: bytes, on_loss: Callable[[str], None] = lambda job_id: None) -> list[Outcome]:
    """The outcomes in one frame. Raises `WireError` for bytes that are not a frame.

    A row that cannot be read costs itself alone: its job has failed, and `on_loss` is told its id; one without an id is
    left out, and `on_loss` is told an empty one.
    """
    kind = data[:2]
    if kind not in (*READERS, FRAME_POISON):
        raise WireError
    try:
        if kind == FRAME_RESULTS:
            return [_result(row) for row in ROWS.decode(data[2:])]
    except (ValueError, RecursionError):  # one of them cannot be read: each by itself says which
        pass
    try:
        if kind == FRAME_POISON:
            return _poisoned(data[2:].decode("ascii"))
        rows = unpack(data[2:])
    except ValueError as error:
        raise WireError from error
    if not isinstance(rows, list):
        raise WireError
    outcomes = [_outcome(row, READERS[kind], on_loss) for row in rows]
    return [outcome for outcome in outcomes if outcome is not None]


def _outcome(row: Any, read: Callable[[Any], Outcome], on_loss: Callable[[str], None]) -> Outcome | None:
    id = row.get("id") if isinstance(row, dict) else None
    if not isinstance(id, str):
        on_loss("")
        return None
    try:
        return read(row)
    except (ValueError, KeyError, TypeError):
        on_loss(id)
        return Failure(job_id=id, code=FailureCode.MODEL_ERROR, message=UNREADABLE)


def _result(row: Row) -> Result:
    # Whoever waits adds these up; their sum is finite only where all of them are.
    if not isfinite(row.queue + row.window + row.compute):
        raise ValueError
    timing = Timing(queue=row.queue, window=row.window, compute=row.compute, batch_size=row.batch_size)
    return Result(job_id=row.id, output=unpack(row.output), timing=timing)


def _result_of(row: Any) -> Result:
    return _result(msgspec.convert({name: row[name] for name in Row.__struct_fields__ if name in row}, Row))


def _failure(row: dict[str, Any]) -> Failure:
    code, message = row["code"], row["message"]
    # A code of a later version says at least that the model gave no result.
    known = FailureCode(code) if code in CODES else FailureCode.MODEL_ERROR
    if not is_text(message):
        raise ValueError
    return Failure(job_id=row["id"], code=known, message=message)


READERS: dict[bytes, Callable[[Any], Outcome]] = {
    FRAME_RESULTS: _result_of,
    FRAME_FAILURES: _failure,
}


def _poisoned(ids: str) -> list[Outcome]:
    width = WIDTHS["id"]
    starts = range(0, len(ids), width)
    return [Failure(job_id=ids[at : at + width], code=FailureCode.POISON, message=POISON_MESSAGE) for at in starts]
