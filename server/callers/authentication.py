"""Who sent a request, by its key: the one place where callers are told from strangers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from starlette.types import Scope

from broker.credentials.api_key import parse_key
from broker.messages import FailureCode
from server.callers.caller import Caller
from server.callers.known_keys import KnownKeys
from server.callers.sent_keys import sent_key
from server.callers.strangers import PREFIX, Strangers
from server.callers.table import CallerTable
from server.errors import Problem

NEEDED = "A key is needed: send Authorization: Bearer jit_…, or X-API-Key. Whoever runs this server gives them out."
MISSPELLED = "This is no key of this server, or it has a typing error in it: one is jit_, 12 letters, _, 38 letters."
UNKNOWN = "This key is not known here: it is another server's, or has been revoked, or has expired."
GONE = "The key with which this was asked for is known here no more: it has been revoked, or has expired."
NONE_KNOWN = "No keys are known here yet, so nobody is let in: whoever runs this server makes one by jitney keys add."


class Unauthenticated(Problem):
    """Nobody knows who asks."""

    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}

    def __init__(self, detail: str) -> None:
        super().__init__("unauthenticated", detail)


class Authentication:
    """For all requests of a front end that has keys."""

    def __init__(
        self, keys: KnownKeys, strangers: Strangers | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.keys = keys
        self._strangers = strangers
        self._clock = clock  # seconds since 1970

    def caller(self, scope: Scope) -> Caller | None:
        """Who it is; None where neither headers nor query bring a key. Raises `Problem`: unauthenticated, or
        broker_unavailable while no keys are known."""
        sent = sent_key(scope["context"].headers, scope.get("query_string", b""))
        return None if sent is None else self.holder(sent)

    def is_let_in(self, scope: Scope) -> bool:
        """Whether a good key came with it."""
        try:
            return self.caller(scope) is not None
        except Problem:
            return False

    def stranger(self, scope: Scope) -> Caller:
        """Who sends no key at all. Raises `Problem`."""
        if self._strangers is None:
            raise Unauthenticated(NEEDED)
        return self._strangers.caller(scope)

    @property
    def _table(self) -> CallerTable:
        """Raises `Problem` while no keys are known."""
        if self.keys.table is None:
            raise Problem(FailureCode.BROKER_UNAVAILABLE, NONE_KNOWN)
        return self.keys.table

    def named(self, id: str) -> Caller:
        """Who was let in before, to go on with what was asked for then. Raises `Problem`."""
        if id.startswith(PREFIX):
            if self._strangers is None:
                raise Unauthenticated(NEEDED)
            return self._strangers.named(id)
        found = self._table.named(id, self._clock())
        if found is None:
            raise Unauthenticated(GONE)
        return found

    def holder(self, sent: str) -> Caller:
        """Who sent this key. Raises `Problem`."""
        key = parse_key(sent)
        if key is None:
            raise Unauthenticated(MISSPELLED if sent else NEEDED)
        found = self._table.holder(key, self._clock())
        if found is None:
            raise Unauthenticated(UNKNOWN)
        return found
