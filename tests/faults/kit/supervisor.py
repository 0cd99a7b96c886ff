"""What Kubernetes and `jitney up` do in life: a batcher that has ended is started again."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from tests.integration.processes import Process
from tests.integration.stack import Stack

LOOK = 0.05  # seconds between looks


class Supervisor:
    """Keeps so many batchers of one model alive. `settings` as those of `Stack.start_batcher`."""

    def __init__(self, system: Stack, spec: str, count: int) -> None:
        self._system, self._spec, self._count = system, spec, count
        self.restarts = 0  # batchers that came up and announced themselves

    def alive(self) -> list[Process]:
        """Those that run, the one that runs longest first."""
        return [batcher for batcher in self._system.batchers if batcher.exit_code is None]

    @contextlib.contextmanager
    def watching(self) -> Iterator[Supervisor]:
        """For the length of the block."""
        stopping = threading.Event()
        thread = threading.Thread(target=self._watch, args=[stopping], name="supervisor")
        thread.start()
        try:
            yield self
        finally:
            stopping.set()
            thread.join()

    def _watch(self, stopping: threading.Event) -> None:
        while not stopping.wait(LOOK):
            if len(self.alive()) < self._count:
                before = self._system.announced()
                batcher = self._system.start_batcher(self._spec, wait=False)
                self._await(batcher, before, stopping)

    def _await(self, batcher: Process, before: frozenset[bytes], stopping: threading.Event) -> None:
        """Until it has announced itself; a poison may end it at once."""
        while batcher.exit_code is None and not stopping.wait(LOOK):
            if self._system.announced() - before:
                self.restarts += 1
                return
