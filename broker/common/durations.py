"""Times as people say them: `30d`, `12h`, `90min`. Pure."""

from __future__ import annotations

import re

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
SHAPE = re.compile(r"(\d{1,6}) ?(s|min|h|d)")


def parse_duration(text: str) -> float:
    """Seconds. Raises `ValueError` that says how to spell it."""
    read = SHAPE.fullmatch(text.strip())
    if read is None:
        raise ValueError(f"{text!r} is no time: say 30d, 12h, 90min or 30s")
    return int(read[1]) * SECONDS[read[2]]
