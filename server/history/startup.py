"""What a front end needs before it may keep a history."""

from __future__ import annotations

from collections.abc import Mapping

from broker.history.hashing import REMEDY, hash_secret_from
from server.history.appender import Appender
from server.history.history import History
from server.settings import ServerSettings


def history_from(environ: Mapping[str, str], settings: ServerSettings) -> History | None:
    """None where none is kept. Raises `ValueError` where the secret is missing or too short."""
    if not settings.history:
        return None
    secret = hash_secret_from(environ)
    if settings.history_inputs == "hash" and secret is None:
        raise ValueError(f"--history-inputs hash needs a secret: {REMEDY}")
    return History(Appender(), settings.history_inputs, secret)
