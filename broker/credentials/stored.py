"""The hash of credentials as Redis returns it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from broker.contract import StoredCredentials
from broker.credentials.credential import VERSION


def stored_credentials(found: Mapping[bytes, bytes]) -> StoredCredentials:
    """Out of what HGETALL returns."""
    named = {name.decode("utf-8", "replace"): entry for name, entry in found.items()}
    version = named.pop(VERSION, b"").decode("utf-8", "replace")
    return StoredCredentials(version=version, entries=named)
