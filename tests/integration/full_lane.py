"""A lane that is full for certain: its model computes nothing while the gate is shut."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from tests.integration.stack import Stack, stack
from tests.integration.toy_faults import GATE

BOUNDS = {"max_batch_size": 1, "max_queue_jobs": 2}
# Jobs that are claimed, and jobs that wait. A batcher that has computed nothing yet claims none ahead.
FILLING = ((1, 0), (1, 1), (1, 2))


@contextlib.contextmanager
def full_lane(model: str, gate: Path, path: str, body: Any) -> Iterator[Stack]:
    """Of a model of `toy_faults`, by requests of one text each. The file is the gate, and is there after the block."""
    with (
        stack([f"tests.integration.toy_faults:{model}"], **BOUNDS, **{GATE: gate}) as system,
        ThreadPoolExecutor(len(FILLING)) as clients,
    ):
        replies = []
        try:
            for jobs in FILLING:
                replies.append(clients.submit(system.post, path, body))
                system.until(partial(_is_so, system, jobs), f"claimed and waiting are {jobs}")
            yield system
        finally:
            gate.touch()
        assert [reply.result().status for reply in replies] == [200] * len(FILLING)


def _is_so(system: Stack, jobs: tuple[int, int]) -> bool:
    broker: Any = system.redis
    return jobs == (len(broker.keys("*:lease:*")), sum(broker.llen(key) for key in broker.keys("*:q:*")))
