"""Codecs applied to records: one record's mistake stays its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from broker.messages import FailureCode, Value
from server.codecs.contract import Codec, CodecError, Plan
from server.codecs.work import Abandoned, RequestTooLarge, Work
from server.errors import INTERNAL_DETAIL, Problem, problem_of

log = structlog.get_logger("server.encoding")

# Beyond this many characters in one request the loop would stand still for milliseconds, so a thread encodes.
INLINE = 16_384


async def encode_all(
    codec: Codec, texts: Sequence[str], options: Mapping[str, Any], work: Work
) -> list[Plan | Problem]:
    """A plan for each text, or why there is none. Raises `Problem` for what ends the whole request."""
    if len(texts) == 1 and len(texts[0]) <= INLINE:
        return [encode(codec, texts[0], options, work)]
    if sum(map(len, texts)) <= INLINE:
        return _encode_all(codec, texts, options, work)
    return await asyncio.to_thread(_encode_all, codec, texts, options, work)


def _encode_all(codec: Codec, texts: Sequence[str], options: Mapping[str, Any], work: Work) -> list[Plan | Problem]:
    return [encode(codec, text, options, work) for text in texts]


def encode(codec: Codec, text: str, options: Mapping[str, Any], work: Work) -> Plan | Problem:
    """The plan for one text, or why there is none. Raises `Problem` for what ends the whole request."""
    try:
        return codec.encode(text, options, work)
    except RequestTooLarge as error:
        raise problem_of(error) from error
    except Abandoned as error:
        raise Problem(FailureCode.EXPIRED, "The time for this request was over before it could be queued.") from error
    except CodecError as error:
        return problem_of(error)
    except Exception:
        log.exception("codec failed", step="encode", length=len(text))  # never the text itself
        return Problem("internal", INTERNAL_DETAIL)


def decode(codec: Codec, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any] | Problem:
    """A record's fields, or why there are none."""
    try:
        return codec.decode(plan, outputs)
    except Exception:
        log.exception("codec failed", step="decode", pieces=len(outputs))
        return Problem("internal", INTERNAL_DETAIL)
