"""One row of the table of addresses: a method at an address, as the OpenAPI document describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from server.api.schema import service
from server.errors import KINDS
from server.settings import ServerSettings

# Any request may be refused with 400, 408 or 431 before an endpoint sees it, or crash.
ALWAYS = (400, 408, 431, 500)
JSON = "application/json"
NO_INFERENCE = ("method_not_allowed", "canceled", "prediction_lost", "store_full")  # codes that none ends with

StatusOf = Callable[[str], int]  # of a problem of this code
Schema = dict[str, Any]


def _status_of(code: str) -> int:
    return KINDS[code].status


def problems_of_inferences(status_of: StatusOf = _status_of) -> tuple[int, ...]:
    """The statuses with which an API refuses what models would answer."""
    return tuple(sorted({status_of(code) for code in KINDS if code not in NO_INFERENCE}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method at one address, as the document describes it."""

    method: str
    path: str
    summary: str
    reply: Any = None  # a type; None: none of ours
    ok: int = 200  # the status of that reply
    further: Mapping[int, Any] = field(default_factory=dict)  # replies of other statuses: a type; None: no body
    media_type: str = JSON
    task: str = ""  # of the models that answer here; empty: of any
    body: Any = None  # a type
    has_webhook: bool = False  # its client may name whom to tell of the end; with a 202 it always may
    has_model: bool = True  # where there is a body, a model answers it
    form: Any = None  # a type, of a body that is a form
    query: type[Any] | None = None  # what may stand behind the '?'
    address: type[Any] | None = None  # where a body may be a picture as well: what then stands behind the '?'
    example: Callable[[Sequence[str]], Any] | None = None  # of a body, in some of these languages
    most_records: str = "max_records"  # the setting that bounds a body
    bound: Callable[[Mapping[str, Schema], ServerSettings, Sequence[str]], None] | None = None  # puts bounds that only
    # settings know into the fields of its types, and the names of the live models of its task
    is_followed: bool = False  # its reply is a stream of events
    has_rows: bool = False  # which are sent one by one to those who ask for a stream
    problems: Sequence[int] = ALWAYS
    problem: type[Any] = service.ProblemDocument
    status_of: StatusOf = _status_of
    unwell: str = ""  # what a 503 with the same document as a 200 means
