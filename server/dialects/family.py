"""What an API is to a front end: a row of `families.py`, from which addresses, refusals and documents are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.routing import Route

from server.api.inference import Inference
from server.api.operation import Operation
from server.dialects.contract import Dialect, RequestReader
from server.front_end import FrontEnd
from server.http.addresses import Refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One API, or a part of one: `--dialects` chooses all that have a name."""

    name: str
    inferences: Mapping[str, Dialect] = field(default_factory=dict)  # by path: what models answer, by POST
    endpoint: Callable[[FrontEnd, RequestReader], Inference] = Inference  # answers these
    pages: Sequence[Callable[[FrontEnd], Route]] = ()  # all other addresses
    flavours: Mapping[str, Refuse] = field(default_factory=dict)  # how pages refuse, and what leads nowhere: by path,
    # or by what a path begins with, which ends in "/" and is longer than that; an inference says it itself
    operations: Sequence[Operation] = ()  # how /openapi.json describes all of them
    is_answered_later: bool = False  # inferences take `Prefer: respond-async`; a dialect of others has no word for it
    key_field: str = ""  # of bodies, in which its clients may put their key
    is_in_batches: bool = False  # lines of batches may ask for inferences
