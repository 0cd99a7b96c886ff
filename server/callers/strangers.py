"""Callers without a key, where those are let in: each address has limits of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from starlette.types import Scope

from broker.messages import Policy
from server.callers.caller import Caller
from server.callers.client_address import asked_from
from server.webhooks.addresses import Network

PREFIX = "anonymous@"
DIGITS = 8


class Strangers:
    """All that front ends know of them: the same address is the same caller at each."""

    def __init__(self, policies: tuple[Policy, ...], proxies: Sequence[Network]) -> None:
        self._policies = policies
        self._proxies = proxies

    def caller(self, scope: Scope) -> Caller:
        """Whoever sent this."""
        peer = scope.get("client") or ("",)
        forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"] if self._proxies else []
        home = asked_from(peer[0], forwarded, self._proxies)
        return self.named(PREFIX + hashlib.sha256(home.encode()).hexdigest()[:DIGITS])

    def named(self, id: str) -> Caller:
        """One who was here before."""
        return Caller(id=id, policies=self._policies)
