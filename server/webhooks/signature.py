"""How a webhook is signed, by the rules of Standard Webhooks (https://www.standardwebhooks.com). Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

VARIABLE = "JITNEY_WEBHOOK_SECRET"  # no setting: flags are seen by whoever lists processes
PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes of a secret
SPELLING = f"{VARIABLE} must be {PREFIX} and base64 of {SHORTEST} to {LONGEST} bytes; several with spaces between"


def secrets_in(text: str) -> tuple[bytes, ...]:
    """The secrets of the variable, of which each signs while one takes another's place. Raises `ValueError`, which
    never says what it has read."""
    found = tuple(_secret(word) for word in text.split())
    if not found:
        raise ValueError(SPELLING)
    return found


def headers(id: str, body: bytes, now: float, secrets: Sequence[bytes]) -> dict[str, str]:
    """Those of one try at this time. The id is the same in every try."""
    timestamp = str(int(now))
    signed = b".".join([id.encode("ascii"), timestamp.encode("ascii"), body])
    signatures = [f"v1,{_signature(secret, signed)}" for secret in secrets]
    return {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def _secret(word: str) -> bytes:
    try:
        found = base64.b64decode(word.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        found = b""
    if not word.startswith(PREFIX) or not SHORTEST <= len(found) <= LONGEST:
        raise ValueError(SPELLING)
    return found


def _signature(secret: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode("ascii")
