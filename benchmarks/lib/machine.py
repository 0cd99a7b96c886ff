"""The machine that a figure comes from, and what a process takes of it. Linux tells; elsewhere fields stay empty."""

from __future__ import annotations

import os
import platform
import re
import resource
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("starlette", "uvicorn", "uvloop", "httptools", "redis", "hiredis", "msgspec", "msgpack")
CPUINFO, STAT, PROC = Path("/proc/cpuinfo"), Path("/proc/stat"), Path("/proc")
# Those that decide which dtype pays.
INSTRUCTIONS = ("avx2", "avx512_f", "avx512_bf16", "amx_bf16", "avx512_vnni", "amx_int8")
IDLE = (3, 4, 8, 9)  # columns of STAT that are no work: idle, waiting for disks, and guests, which count twice


def describe(*packages: str) -> dict[str, str]:
    """What to print beside a figure; `packages`: whose versions matter besides those that every figure depends on."""
    found = re.search(r"^model name\s*: (.+)$", CPUINFO.read_text(), re.MULTILINE) if CPUINFO.exists() else None
    return {
        "processor": found[1] if found else platform.processor() or platform.machine(),
        "cores": f"{cores()} usable of {os.cpu_count()}",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in (*PACKAGES, *packages)),
    }


def beside_figures(date: str, machine: Mapping[str, str], others: float) -> str:
    """The sentence below a table; `others`: cores that processes other than ours kept busy, median of its runs."""
    about = ", ".join(f"{name}: {value}" for name, value in machine.items())
    return f"{date}, {about}. Other processes kept {others:.1f} cores busy meanwhile."


def instructions() -> str:
    """What torch finds in the processor."""
    import torch

    here = torch.cpu.get_capabilities()
    return " ".join(name for name in INSTRUCTIONS if here.get(name))


def cores() -> int:
    """Those that this process and its children may use (`taskset` chooses)."""
    return len(usable_cores())


def usable_cores() -> frozenset[int]:
    """The numbers of these."""
    every = range(os.cpu_count() or 1)
    return frozenset(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else every)


def load() -> float:
    """Mean number of runnable processes over the last minute, ours among them."""
    return os.getloadavg()[0]


def busy_seconds() -> float:
    """Processor seconds that anybody has used so far, all cores together; 0 where nobody can tell."""
    if not STAT.exists():
        return 0.0
    ticks = [int(field) for field in STAT.read_text().splitlines()[0].split()[1:]]
    return sum(count for column, count in enumerate(ticks) if column not in IDLE) / os.sysconf("SC_CLK_TCK")


def ended_children_seconds() -> float:
    """Processor seconds of our children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """Processor seconds that each process has used so far, by its title; those that nobody can tell are left out."""
    return {title: seconds for title, pid in pids.items() if (seconds := _cpu_seconds(pid)) is not None}


def _cpu_seconds(pid: int) -> float | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
