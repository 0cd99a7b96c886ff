"""One request as a dialect reads it: its body, what its address says, and the models that it may choose from."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.types import Scope

from broker.messages import ModelCard
from server.fleet.directory import Served
from server.front_end import FrontEnd
from server.http.body import is_json

LOOKED_AT = 64  # bytes at the beginning of a body of no named type


class Incoming:
    """The model that is chosen answers, with a result or with an error: whatever is sent names it (`Jitney-Model`)."""

    __slots__ = ("_front_end", "_scope", "body")

    def __init__(self, front_end: FrontEnd, scope: Scope) -> None:
        self._front_end = front_end
        self._scope = scope
        self.body = b""  # until it is read

    @property
    def path_params(self) -> Mapping[str, str]:
        """What stands in the address for the names in its template."""
        found: Mapping[str, str] = self._scope["path_params"]
        return found

    @property
    def query(self) -> Mapping[str, str]:
        """What stands in the address behind the question mark; of a name that comes twice the last."""
        return dict(parse_qsl(self._scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))

    @property
    def is_json(self) -> bool:
        """By the content type; where none is named, by how the body begins: no picture begins as JSON does."""
        kind = self._scope["context"].headers.get(b"content-type")
        return self.body[:LOOKED_AT].lstrip()[:1] == b"{" if kind is None else is_json(kind)

    def card_named(self, name: str) -> ModelCard:
        """The newest card of the model of this name; it is not chosen by that. Raises `Problem` where there is none."""
        directory = self._front_end.directory
        listed = directory.listed.get(name)
        return listed.card if listed is not None else directory.named(name, self._front_end.clock()).card

    def model_of(self, task: str, name: str | None = None) -> Served:
        """The model of this name, or the default of the task. Raises `Problem` where there is none of that task."""
        return self._chosen(self._front_end.directory.for_task(task, name, self._front_end.clock()))

    def task_of(self, name: str) -> str:
        """The task of the model of this name; empty where none is known."""
        listed = self._front_end.directory.listed.get(name)
        return "" if listed is None else listed.card.task

    def model_named(self, name: str) -> Served:
        """The model of this name, whatever its task. Raises `Problem` where there is none."""
        return self._chosen(self._front_end.directory.named(name, self._front_end.clock()))

    def _chosen(self, served: Served) -> Served:
        self._scope["context"].model = served.header
        return served
