"""What the headers of a reply say. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime

STAGE = re.compile(r"([\w-]+);dur=([\d.]+)")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """`Retry-After`, in seconds or as a date."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value) if value.isdigit() else (_date(value) - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _date(value: str) -> datetime:
    from email.utils import parsedate_to_datetime  # takes long to import, and most servers say seconds

    return parsedate_to_datetime(value)


def timing(headers: Mapping[str, str]) -> Mapping[str, float]:
    """The stages of `Server-Timing`, in seconds."""
    return {name: float(duration) / 1000 for name, duration in STAGE.findall(headers.get("server-timing", ""))}
