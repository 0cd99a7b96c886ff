"""What a front end needs before it may send webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from server.settings import ServerSettings
from server.webhooks.delivery import NEEDS_HTTPX2
from server.webhooks.signature import VARIABLE, secrets_in


def secrets_from(environ: Mapping[str, str], settings: ServerSettings) -> tuple[bytes, ...]:
    """The secrets to sign with; none where no webhooks are sent. Raises `ValueError` where something is missing."""
    if not settings.webhooks:
        return ()
    if find_spec("httpx2") is None:
        raise ValueError(NEEDS_HTTPX2)
    return secrets_in(environ.get(VARIABLE, ""))
