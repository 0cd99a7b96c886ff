"""One request as a dialect reads it: its body, what its address says, and the models that it may choose from."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Scope

from server.fleet.directory import Served
from server.front_end import FrontEnd


class Incoming:
    """The model that is chosen answers, with a result or with an error: whatever is sent names it (`Jitney-Model`)."""

    __slots__ = ("_front_end", "_scope", "body")

    def __init__(self, front_end: FrontEnd, scope: Scope, body: bytes) -> None:
        self._front_end = front_end
        self._scope = scope
        self.body = body

    @property
    def path_params(self) -> Mapping[str, str]:
        """What stands in the address for the names in its template."""
        found: Mapping[str, str] = self._scope["path_params"]
        return found

    def model_of(self, task: str, name: str | None = None) -> Served:
        """The model of this name, or the default of the task. Raises `Problem` where there is none of that task."""
        return self._chosen(self._front_end.directory.for_task(task, name, self._front_end.clock()))

    def model_named(self, name: str) -> Served:
        """The model of this name, whatever its task. Raises `Problem` where there is none."""
        return self._chosen(self._front_end.directory.named(name, self._front_end.clock()))

    def _chosen(self, served: Served) -> Served:
        self._scope["context"].model = served.card.key.encode("ascii")
        return served
