"""A frame's rows: one that cannot be read costs its own job and no other."""

from __future__ import annotations

from array import array
from typing import Any

import msgpack
import pytest

from broker import body, wire
from broker.errors import WireError
from broker.messages import Failure, FailureCode, Result

UNHASHABLE_KEY = b"\x81\x90\x01"  # {[]: 1}
ROW = {"id": "a" * 32, "output": b"\x01", "queue": 0.0, "window": 0.0, "compute": 0.0, "batch_size": 1}
FAILURE = {"id": "a" * 32, "code": "expired", "message": "late"}
BAD_ROWS = [
    (wire.FRAME_RESULTS, {"queue": "soon"}),
    (wire.FRAME_RESULTS, {"window": None}),
    (wire.FRAME_RESULTS, {"compute": float("nan")}),
    (wire.FRAME_RESULTS, {"batch_size": {}}),
    (wire.FRAME_RESULTS, {"batch_size": -1}),
    (wire.FRAME_RESULTS, {"output": 1}),
    (wire.FRAME_RESULTS, {"output": b""}),
    (wire.FRAME_RESULTS, {"output": b"\xc1"}),
    (wire.FRAME_RESULTS, {"output": UNHASHABLE_KEY}),
    (wire.FRAME_RESULTS, {"output": b"\xdc\xff\xff" + b"\x80" * 0xFFFF + b"\x01"}),
    (wire.FRAME_FAILURES, {"message": [1]}),
    (wire.FRAME_FAILURES, {"code": []}),
]


def frame(kind: bytes, *rows: Any) -> bytes:
    return kind + msgpack.packb(rows)


def kinds(outcomes: list[Any]) -> list[tuple[str, str]]:
    return [(one.job_id, one.code if isinstance(one, Failure) else "result") for one in outcomes]


@pytest.mark.parametrize(("kind", "change"), BAD_ROWS)
def test_a_row_that_cannot_be_read_fails_its_own_job_and_no_other(kind: bytes, change: dict[str, Any]) -> None:
    good, lost = ROW if kind == wire.FRAME_RESULTS else FAILURE, []
    rows = [good | {"id": "1"}, good | {"id": "2"} | change, good | {"id": "3"}]

    outcomes = wire.decode_frame(frame(kind, *rows), on_loss=lost.append)

    code = "result" if kind == wire.FRAME_RESULTS else "expired"
    assert kinds(outcomes) == [("1", code), ("2", "model_error"), ("3", code)]
    assert lost == ["2"]


@pytest.mark.parametrize("row", [5, None, [], "row", {}, {"id": 5}, {"id": ["a"]}, {"id": None}, {1: 2}])
@pytest.mark.parametrize("kind", [wire.FRAME_RESULTS, wire.FRAME_FAILURES])
def test_a_row_without_an_id_costs_no_other_row_and_is_told(kind: bytes, row: Any) -> None:
    good, lost = ROW if kind == wire.FRAME_RESULTS else FAILURE, []

    outcomes = wire.decode_frame(frame(kind, row, good), on_loss=lost.append)

    assert ([one.job_id for one in outcomes], lost) == (["a" * 32], [""])


@pytest.mark.parametrize("rows", [5, {}, "rows", None])
def test_a_frame_without_rows_is_a_wire_error(rows: Any) -> None:
    with pytest.raises(WireError):
        wire.decode_frame(wire.FRAME_RESULTS + msgpack.packb(rows))


@pytest.mark.parametrize("kind", [wire.FRAME_RESULTS, wire.FRAME_FAILURES])
def test_a_frame_that_claims_four_billion_rows_is_a_wire_error_and_takes_no_memory(kind: bytes) -> None:
    claimed = kind + b"\xdd\xff\xff\xff\xff" + msgpack.packb(ROW)

    with pytest.raises(WireError):
        wire.decode_frame(claimed)


def test_a_failure_of_an_unknown_code_is_a_model_error_with_its_own_message() -> None:
    row = FAILURE | {"code": "out_of_cheese", "message": "no cheese"}

    [failure] = wire.decode_frame(frame(wire.FRAME_FAILURES, row))

    assert failure == Failure(job_id="a" * 32, code=FailureCode.MODEL_ERROR, message="no cheese")


@pytest.mark.parametrize(("kind", "good"), [(wire.FRAME_RESULTS, ROW), (wire.FRAME_FAILURES, FAILURE)])
def test_fields_that_are_unknown_cost_nobody(kind: bytes, good: dict[str, Any]) -> None:
    assert wire.decode_frame(frame(kind, good | {"colour": "red", 1: 2})) == wire.decode_frame(frame(kind, good))


def test_a_time_that_is_missing_costs_nobody() -> None:
    [result] = wire.decode_frame(frame(wire.FRAME_RESULTS, {"id": "a", "output": b"\x01"}))

    assert result == Result(job_id="a", output=1)


ENTITIES = {"entities": [{"word": "a", "start": at} for at in range(1100)]}


def test_outputs_that_fit_alone_fit_together() -> None:
    outputs = [ENTITIES] * 64 + [[{}] * 40_000] * 2 + [array("f", [1.0])] * 8
    assert not any(map(body.obstacle, outputs))

    outcomes = wire.decode_frame(wire.encode_results([Result(job_id="a", output=one) for one in outputs]))

    assert [one.output for one in outcomes if isinstance(one, Result)] == outputs
