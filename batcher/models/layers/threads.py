"""How many threads a forward pass may use: what the operator says, else what this process was given."""

from __future__ import annotations

import math
import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds of CPU in each period, of this container; or "max"


def threads(asked: int, quota: Path = QUOTA) -> int:
    """`asked`, or OMP_NUM_THREADS, or the cores that this process may run on and that its container pays for.

    torch counts the machine's cores: in a container with two of sixty-four it would start sixty-four threads.
    """
    told = os.environ.get("OMP_NUM_THREADS", "")
    if asked:
        return asked
    if told.isdecimal() and int(told):
        return int(told)
    return max(1, min(len(os.sched_getaffinity(0)), _paid_for(quota)))


def _paid_for(quota: Path) -> int:
    """Whole cores, rounded up; as many as one likes where nobody limits them."""
    try:
        share, period = quota.read_text().split()
        return math.ceil(int(share) / int(period))
    except (OSError, ValueError):
        return 10**6
