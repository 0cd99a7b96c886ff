"""What comes of a try to deliver a webhook, and when the next one is due. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum

# Seconds from a try to the next, by the rules of Standard Webhooks; after the last of them the last again.
PAUSES = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
BUSY = (429, 502, 503, 504)  # statuses whose Retry-After counts
LONGEST_NUMBER = 9  # digits


class Fate(StrEnum):
    """What became of it."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    GONE = "gone"  # the receiver wants no more: 410
    REFUSED = "refused"  # its address is none that webhooks may be sent to
    GIVEN_UP = "given_up"  # the prediction is forgotten before the next try


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a receiver said."""

    status: int = 0  # 0: nothing
    retry_after: float = 0.0  # seconds
    is_refused: bool = False  # it was not asked


def after(reply: Reply, tries: int, left: float, spread: float = 1.0) -> tuple[Fate, float | None]:
    """The fate after so many tries, and seconds to the next one, if there is one. `left`: seconds that the prediction
    is kept; `spread`: a little more than 1, by chance, so that what failed together does not come back together."""
    if reply.is_refused:
        return Fate.REFUSED, None
    if 200 <= reply.status < 300:
        return Fate.DELIVERED, None
    if reply.status == 410:
        return Fate.GONE, None
    wait = spread * PAUSES[min(tries, len(PAUSES)) - 1]
    if reply.status in BUSY:
        wait = max(wait, reply.retry_after)
    return (Fate.RETRIED, wait) if wait < left else (Fate.GIVEN_UP, None)


def retry_after(header: str | None, now: float) -> float:
    """Seconds, of either form; 0.0 where it says nothing that can be read."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:LONGEST_NUMBER])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now)
