"""A TCP port for a server that is about to start."""

from __future__ import annotations

import os
import random
import socket
from collections import deque
from contextlib import suppress

# Below those that kernels lend to outgoing connections (Linux from 32768, others from 49152 on): one that is free now
# would be gone, now and then, before its server listens there.
PORTS = range(20_000, 32_768)
KEPT = 64  # ports that a process keeps to itself; by the next one the first of them has its server, or needs none

_kept: deque[int] = deque()  # descriptors


def free_port() -> int:
    """One of loopback that nobody listens on, and that nobody else who asks here gets meanwhile."""
    while True:
        port = random.choice(PORTS)
        if _is_free(port) and _keep(port):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # yesterday's connections do not count
        with suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


def _keep(port: int) -> bool:
    """Whether no process has it: the name of a socket that has no file is each machine's once, and goes with whoever
    has it."""
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind(f"\0jitney-port-{port}")
    except FileNotFoundError:  # only Linux has such names
        mark.close()
        return True
    except OSError:
        mark.close()
        return False
    _kept.append(mark.detach())
    if len(_kept) > KEPT:
        os.close(_kept.popleft())
    return True
