"""An input that kills every batcher that computes it, and somebody who starts them again."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.faults.kit.traffic import PATH
from tests.integration.processes import Reply
from tests.integration.stack import Stack

POISON = "!exit"  # to a synthetic model with faults=on
SPEC = "synthetic:5ms+0.5ms,faults=on"


def meet_poison(system: Stack, start_batcher: Callable[[], object]) -> Reply:
    """Send it, and start a batcher whenever the last one has died; what its sender is told."""
    body = {"payload": {"records": [{"id": "poison", "text": POISON}]}}
    with ThreadPoolExecutor(1) as client:
        reply = client.submit(system.post, PATH, body)
        while not reply.done():
            if system.batchers[-1].exit_code is not None:
                start_batcher()
            time.sleep(0.02)
    return reply.result()
