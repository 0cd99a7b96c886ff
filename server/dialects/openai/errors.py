"""How everything under /v1/ refuses: OpenAI's error object, with statuses that its clients treat right.

They ask again after 408, 409, 429 and any 5xx, twice or a dozen times. So nothing has such a status that would only
happen again: an input that crashes batchers above all.
"""

from __future__ import annotations

from collections.abc import Mapping

from broker.messages import FailureCode
from server.errors import KINDS, Problem, Refusal
from server.json import to_json

PREFIX = "/v1/"
JSON = b"application/json"
STATUS: Mapping[int, int] = {409: 400, 422: 400}  # of ours → the one here; any other is the same
STATUS_OF_CODE: Mapping[str, int] = {FailureCode.MODEL_ERROR: 422, FailureCode.POISON: 422}
CODES: Mapping[str, str] = {"unknown_model": "model_not_found"}  # the one code that clients look for
TYPES: Mapping[int, str] = {429: "rate_limit_error"}


def refuse(problem: Problem, request_id: str) -> Refusal:
    """The problem as `{"error": {"message", "type", "param", "code"}}`; a `param` among its extras is shown."""
    shown = {
        "message": problem.detail,
        "type": type_of(problem.status),
        "param": problem.extra.get("param"),
        "code": CODES.get(problem.code, problem.code),
    }
    return Refusal(status_of(problem.code), to_json({"error": shown}), JSON)


def status_of(code: str) -> int:
    """The status of a problem of this code under /v1/."""
    ours = KINDS[code].status
    return STATUS_OF_CODE.get(code, STATUS.get(ours, ours))


def type_of(status: int) -> str:
    """OpenAI's word for problems of this status, ours of the table: whose fault it is, roughly."""
    return TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
