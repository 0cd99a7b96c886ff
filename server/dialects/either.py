"""An address that several APIs share: the body says which of them is meant."""

from __future__ import annotations

from collections.abc import Sequence

from server.api.incoming import Incoming
from server.dialects.contract import Call, Dialect, RequestReader
from server.dialects.flavour import Flavour
from server.errors import MEDIA_TYPE, Problem, Refusal
from server.http.bodies import Bodies

# What is wrong before a body says who is meant is told so that all can read it.
FOR_ALL = Flavour(media_type=MEDIA_TYPE)


class Either(RequestReader):
    """The first of these that is meant answers. The first of all says what a body may be, and answers where none is."""

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        self._dialects = dialects
        self.times = min(dialect.times for dialect in dialects)
        known_by = dict.fromkeys(field for dialect in dialects for field in dialect.known_by)
        self._known_by = f"One of these fields says which API is meant: {', '.join(known_by)}."

    def takes(self, incoming: Incoming) -> Bodies:
        return self._dialects[0].takes(incoming)

    def read(self, incoming: Incoming) -> Call:
        for dialect in self._dialects:
            if dialect.is_meant(incoming):
                incoming.refuse_as(dialect.refuse)
                return dialect.read(incoming)
        try:
            return self._dialects[0].read(incoming)
        except Problem as problem:
            if problem.code != "malformed":
                raise
            raise Problem(problem.code, f"{problem.detail.rstrip('.')}. {self._known_by}") from problem

    def refuse(self, problem: Problem, request_id: str) -> Refusal:
        return FOR_ALL.refuse(problem, request_id)
