"""How APIs refuse whose clients read `error` or `message`: our problem document, with these beside its members."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from server.errors import KINDS, Problem, Refusal, members
from server.json import to_json

WORD = re.compile(r"\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """One API's way. Clients ask again after 429 and 5xx: nothing has such a status that would only happen again."""

    statuses: Mapping[str, int] = field(default_factory=dict)  # of codes that have another one here than ours
    types: Mapping[str, str] = field(default_factory=dict)  # what `error_type` says of a code; else the code itself
    names: Mapping[str, str] = field(default_factory=dict)  # of fields that are called otherwise here than by us
    media_type: bytes = b"application/json"

    def refuse(self, problem: Problem, request_id: str) -> Refusal:
        """The problem as this API tells it."""
        status = self.status_of(problem.code)
        detail = self._said(problem.detail)
        said = {"detail": detail, "error": detail, "message": detail, "error_type": self.type_of(problem.code)}
        return Refusal(status, to_json(members(problem, request_id) | said | {"status": status}), self.media_type)

    def status_of(self, code: str) -> int:
        """The status of a problem of this code."""
        return self.statuses.get(code, KINDS[code].status)

    def type_of(self, code: str) -> str:
        """This API's word for it."""
        return self.types.get(code, code)

    def _said(self, detail: str) -> str:
        found = WORD.match(detail)
        word = found[0] if found else ""
        return self.names.get(word, word) + detail[len(word) :]
