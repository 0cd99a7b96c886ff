"""Codecs applied to records: one record's mistake stays its own."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog

from broker.common.numbers.finite import NOT_FINITE, is_finite
from broker.common.panics import CONTROL, is_panic
from broker.common.throttled_log import ThrottledLog
from broker.messages import FailureCode, Value
from server.codecs.asker import who
from server.codecs.contract import Codec, Input, Plan
from server.codecs.errors import Abandoned, CodecError, RequestTooLarge
from server.codecs.work import Work
from server.errors import INTERNAL_DETAIL, Problem, problem_of

log = structlog.get_logger("server.codecs.encoding")
# What goes wrong with one input often does with all others of its request. Not `log.error` itself: it would be a method
# from before logging is configured, whose tracebacks print local variables, and with them what clients sent.
_log_failed = ThrottledLog(lambda event, **what: log.error(event, **what))
_log_not_finite = ThrottledLog(lambda event, **what: log.warning(event, **what))
# Bytes of a body, or numbers of outputs. More would block the event loop for milliseconds, so a thread does it.
INLINE = 8192
# One long text is written much faster than as many numbers; what is made around each of many short ones is not.
PAGE, LETTERS = 1024, 8  # so many characters or bytes of a text weigh one each; of the others, so many together
FLAT = frozenset((array, str, bytes))  # nearly every output is one of these


def encode_all(
    codec: Codec, inputs: Iterable[Input | Problem], options: Mapping[str, Any], work: Work
) -> list[Plan | Problem]:
    """A plan for each input, or why there is none. Raises `Problem` for what ends the whole request."""
    try:
        return [encode(codec, input, options, work) for input in inputs]
    except RequestTooLarge as error:
        raise problem_of(error) from error
    except Abandoned as error:
        raise Problem(FailureCode.EXPIRED, "The time for this request was over before it could be queued.") from error


def encode(codec: Codec, input: Input | Problem, options: Mapping[str, Any], work: Work) -> Plan | Problem:
    """The plan for one input, or why there is none. Raises what `work` raises."""
    if isinstance(input, Problem):
        return input
    try:
        return codec.encode(input, options, work)
    except (RequestTooLarge, Abandoned, *CONTROL):
        raise
    except CodecError as error:
        return problem_of(error)
    except BaseException as error:
        return _failed(error, step="encode", length=len(input))  # never the input itself


def decode(codec: Codec, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any] | Problem:
    """A record's fields, or why there are none."""
    try:
        fields = codec.decode(plan, outputs)
        if is_finite(fields):
            return fields
    except CONTROL:
        raise
    except BaseException as error:
        return _failed(error, step="decode", pieces=len(outputs))
    # JSON would say null, which a client may take for an answer. Batchers check outputs too; this checks what was made.
    _log_not_finite("answer not finite", **who(), pieces=len(outputs))
    return Problem(FailureCode.MODEL_ERROR, NOT_FINITE)


def _failed(error: BaseException, **what: Any) -> Problem:
    where = {"panic": type(error).__name__} if is_panic(error) else {"exc_info": error}
    _log_failed("codec failed", **who(), **what, **where)
    return Problem("internal", INTERNAL_DETAIL)


def weight(values: Iterable[Value], most: int = INLINE) -> int:
    """How many numbers there are in these, or as much text, counted no further than beyond `most`."""
    total, left = 0, [values]
    while left and total <= most:
        for value in left.pop():
            if value.__class__ in FLAT:
                size = len(value)
                total += size if size <= PAGE or value.__class__ is array else PAGE + (size - PAGE) // LETTERS
            elif isinstance(value, list | tuple | Mapping):
                total += len(value)
                if total > most:
                    break
                left.append(value.values() if isinstance(value, Mapping) else value)
    return total
