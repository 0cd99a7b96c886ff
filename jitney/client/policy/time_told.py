"""What a server is told of the time that is left for a call. Pure."""

from __future__ import annotations

import re

from jitney.client.errors import InvalidInput, JitneyError

LONGEST, SHORTEST = 600.0, 0.001  # seconds: what a front end takes unless told otherwise
PART, LEAST, MOST = 0.05, 0.05, 1.0  # of the time, in seconds: for the way back
ITS_LIMIT = re.compile(r"X-Request-Timeout must be .* to ([0-9.e+]+)$")


class TimeTold:
    """A little less than there is, so that the server's own word, which says where the time went, arrives before the
    caller has gone; and never more than the server takes, once it has said how much that is."""

    def __init__(self) -> None:
        self._longest = LONGEST

    def of(self, left: float) -> float:
        return min(max(left - min(max(PART * left, LEAST), MOST), SHORTEST), self._longest)

    def learns(self, error: JitneyError) -> bool:
        """Whether this refusal says that less must be told."""
        found = ITS_LIMIT.search(error.detail) if isinstance(error, InvalidInput) else None
        longest = float(found[1]) if found else self._longest
        is_less = SHORTEST <= longest < self._longest
        self._longest = min(longest, self._longest) if is_less else self._longest
        return is_less
