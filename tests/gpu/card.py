"""The machine: device, versions, and the memory bandwidth that a large copy reaches."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator

import torch
import transformers

from tests.gpu.parts import Check, Setup

COPIES = 10  # the fastest counts


def run(setup: Setup) -> Iterator[Check]:
    """Facts, and no verdict but that the device answers."""
    yield Check(name="device", is_ok=True, figures=facts(setup))
    yield Check(name="memory bandwidth", is_ok=True, figures={"GB/s": round(bandwidth(setup) / 1e9, 1)})


def facts(setup: Setup) -> dict[str, str]:
    """What to print beside a figure."""
    name = torch.cuda.get_device_name(setup.device) if setup.is_cuda else platform.processor() or platform.machine()
    found = {"name": name, "torch": torch.__version__, "CUDA": str(torch.version.cuda)}
    if setup.is_cuda:
        about = torch.cuda.get_device_properties(setup.device)
        found |= {"memory": f"{about.total_memory / 1e9:.0f} GB", "capability": f"{about.major}.{about.minor}"}
    return found | {"transformers": transformers.__version__, "python": platform.python_version()}


def bandwidth(setup: Setup) -> float:
    """Bytes a second, read and written together: of a copy much larger than any cache."""
    size = setup.pick(2 << 30, 64 << 20)
    source, target = (torch.zeros(size, dtype=torch.uint8, device=setup.device) for _ in range(2))
    best = float("inf")
    for _ in range(COPIES):
        setup.wait()
        started = time.perf_counter()
        target.copy_(source)
        setup.wait()
        best = min(best, time.perf_counter() - started)
    return 2 * size / best
