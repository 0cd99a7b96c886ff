"""How many threads a forward pass may use: what the operator says, else the cores of this process."""

from __future__ import annotations

import math
import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds of CPU in each period, of this container; or "max"


def threads(asked: int, quota: Path = QUOTA) -> int:
    """`asked`, or OMP_NUM_THREADS, or the cores that this process may run on and that its container may use.

    torch counts the machine's cores: in a container with two of sixty-four it would start sixty-four threads.
    """
    set_by_env = os.environ.get("OMP_NUM_THREADS", "")
    if asked:
        return asked
    if set_by_env.isdecimal() and int(set_by_env):
        return int(set_by_env)
    return max(1, min(len(os.sched_getaffinity(0)), _cores_of(quota)))


def _cores_of(quota: Path) -> int:
    """Whole cores, rounded up; as good as unlimited where there is no quota."""
    try:
        share, period = quota.read_text().split()
        return math.ceil(int(share) / int(period))
    except (OSError, ValueError):
        return 10**6
