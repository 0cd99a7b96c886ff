"""One request as a dialect reads it: its body, what its address says, and the models that it may choose from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from msgspec import Raw
from msgspec.json import Decoder
from starlette.types import Receive, Scope

from broker.messages import FailureCode, ModelCard
from server.api.schema.envelope import read
from server.codecs.encoding import INLINE
from server.errors import Problem
from server.fleet.aliases import own_name
from server.fleet.directory import AT, Directory, Served
from server.front_end import FrontEnd
from server.http.addresses import KEPT, Refuse, part
from server.http.bodies import Bodies, form_pairs, is_form, is_gzip, is_json, query_pairs, unpacked, unpacked_if_small
from server.http.body import read_body
from server.http.bytes_in_hand import Held
from server.http.context import RequestContext

LOOKED_AT = 64  # bytes at the beginning of a body of no named type
OBJECT: Decoder[dict[str, Any]] = Decoder(dict[str, Any])
NAMES: Decoder[dict[str, Raw]] = Decoder(dict[str, Raw])


class Incoming:
    """The model that is chosen answers, with a result or with an error: whatever is sent names it (`Jitney-Model`)."""

    __slots__ = ("_front_end", "_scope", "body", "size")

    def __init__(self, front_end: FrontEnd, scope: Scope) -> None:
        self._front_end = front_end
        self._scope = scope
        self.body = b""  # until it is read
        self.size = 0  # of all that may be read, in bytes: some clients send their texts behind the question mark

    async def arrive(self, bodies: Bodies, limit: int, receive: Receive, held: Held) -> None:
        """The body, whole and not compressed. Raises `Problem` for one that is none of these, or too large."""
        headers = self._scope["context"].headers
        bodies.require(headers)
        is_packed = b"content-encoding" in headers and is_gzip(self._scope["headers"])
        self.body = await read_body(headers, receive, limit, held)
        if is_packed:
            small = unpacked_if_small(self.body, min(INLINE, limit))
            self.body = await self._unpacked(limit) if small is None else small
            held.up_to(len(self.body))
        self.size = len(self.body) + len(self._scope.get("query_string", b""))

    @property
    def context(self) -> RequestContext:
        """What is known of it besides."""
        found: RequestContext = self._scope["context"]
        return found

    @property
    def headers(self) -> Mapping[bytes, bytes]:
        """By name, in lower case; of a name that comes twice the last."""
        found: Mapping[bytes, bytes] = self._scope["context"].headers
        return found

    @property
    def request_id(self) -> str:
        """As the answer has it."""
        found: bytes = self._scope["context"].request_id
        return found.decode("ascii")

    @property
    def path_params(self) -> Mapping[str, str]:
        """What stands in the address for the names in its template."""
        found: Mapping[str, str] = self._scope["path_params"]
        return {name: part(value) for name, value in found.items()} if KEPT in self._scope["path"] else found

    @property
    def query(self) -> Mapping[str, str]:
        """What stands in the address behind the question mark; of a name that comes twice the last."""
        return dict(parse_qsl(self._scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))

    @property
    def is_json(self) -> bool:
        """By the content type; where none is named, by how the body begins: no picture begins as JSON does."""
        kind = self._scope["context"].headers.get(b"content-type")
        return self.body[:LOOKED_AT].lstrip()[:1] == b"{" if kind is None else is_json(kind)

    def fields(self, lists: Collection[str] = ()) -> Mapping[str, Any]:
        """What a JSON object says; else a form, and what stands behind the question mark: these have one text for each
        name, the first, and all of them for `lists`. Raises `Problem` (malformed; of a key among them that is none)."""
        found = read(OBJECT, self.body) if self.is_json else self._form_fields(lists)
        if (identify := self._scope.get("identify")) is not None:
            identify(found)
        return found

    def _form_fields(self, lists: Collection[str]) -> dict[str, Any]:
        kind = self.headers.get(b"content-type", b"")
        pairs = form_pairs(kind, self.body) if is_form(kind) else []
        found: dict[str, Any] = {}
        for name, value in [*pairs, *query_pairs(self._scope.get("query_string", b""))]:
            if name in lists:
                found.setdefault(name, []).append(value)
            else:
                found.setdefault(name, value)
        return found

    @property
    def names(self) -> Collection[str]:
        """Of the fields that a JSON object has; none where the body is something else."""
        try:
            return NAMES.decode(self.body).keys() if self.is_json else ()
        except (ValueError, RecursionError):
            return ()

    def refuse_as(self, refuse: Refuse) -> None:
        """From now on problems are told in this way."""
        self._scope["context"].refuse = refuse

    def card_named(self, name: str) -> ModelCard:
        """The newest card of the model of this name; it is not chosen by that. Raises `Problem` where there is none."""
        directory, name = self._front_end.directory, self._called(name)
        listed = directory.entry(name)
        return listed.card if listed is not None else directory.named(name, self._front_end.clock()).card

    def model_of(self, task: str, name: str | None = None) -> Served:
        """The model of this name, or the default of the task. Raises `Problem` where there is none of that task."""
        name = None if name is None else self._called(name)
        directory, caller = self._front_end.directory, self._scope["context"].caller.id
        served = directory.for_task(task, name, self._front_end.clock(), caller)
        return self._chosen(served, directory, name)

    def task_of(self, name: str) -> str:
        """The task of the model of this name; empty where none is known."""
        listed = self._front_end.directory.entry(self._called(name))
        return "" if listed is None else listed.card.task

    def has(self, task: str) -> bool:
        """Whether there is, or has been, a model of this task."""
        return self._front_end.directory.default(task) is not None

    def model_named(self, name: str) -> Served:
        """The model of this name, whatever its task. Raises `Problem` where there is none."""
        directory, name, caller = self._front_end.directory, self._called(name), self._scope["context"].caller.id
        return self._chosen(directory.named(name, self._front_end.clock(), caller), directory, name)

    def the_only_model(self) -> Served:
        """The one that lives. Raises `Problem` where there is none or several: which is meant then?"""
        directory = self._front_end.directory
        served = directory.served
        if len(served) != 1:
            said = f"Name a model, for these live: {', '.join(sorted(served)) or 'none'}."
            missed = "" if served else next(iter(directory.listed), "")
            raise Problem("unknown_model" if served else FailureCode.NO_BATCHER, said, unserved=missed)
        return self.model_named(next(iter(served)))

    async def _unpacked(self, limit: int) -> bytes:
        return await self._front_end.pool.run_gzip(partial(unpacked, self.body, limit))

    def _called(self, name: str) -> str:
        return own_name(self._front_end.aliases, name)

    def _chosen(self, served: Served, directory: Directory, name: str | None) -> Served:
        context = self._scope["context"]
        context.caller.check_model(served.card.name)
        context.model = served.header
        context.is_pinned = name is not None and AT in name
        context.is_shared = bool(directory.traffic) and served.card.name in directory.traffic
        return served
