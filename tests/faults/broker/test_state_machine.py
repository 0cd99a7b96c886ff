"""The guarantee on real servers: whatever happens in whatever order, every admitted job is in exactly one place.

`JITNEY_TEST_EXAMPLES=5000` plays that many random histories; otherwise the same two hundred are played every time.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from broker.messages import Limits
from broker.redis import connection
from tests.contract.servers import FINDERS, running
from tests.faults.state_machine.batchers import BatcherRules
from tests.faults.state_machine.front_ends import FrontEndRules

EXAMPLES = "JITNEY_TEST_EXAMPLES"
PATIENCE = 30.0  # seconds


class BrokerMachine(FrontEndRules, BatcherRules):
    """All that may happen, in any order; at the end the system is served to the last job."""

    @precondition(lambda self: self.model.leases)
    @rule()
    def forget_scripts(self) -> None:
        self.server.script_flush()

    def teardown(self) -> None:
        try:
            if self.is_sound:
                self._end_well()
        finally:
            for broker in self.opened:
                self.runner.run(broker.aclose())
            self.heart.close()
            self.server.flushdb()
            self.server.close()

    def _end_well(self) -> None:
        """Served to the end: every job that somebody still wants has an outcome, and nothing is left."""
        for batch in list(self.model.leases):
            self.expire(batch)
        hand = self.hands[0]
        for turn in range(200):
            if not self.model.waiting() and not self.model.leases:
                break
            self.reclaim(0)
            hand.claims.clear()
            self._drain(hand, f"last:{turn}", Limits(max_batch_size=2), staged=False, suspects=True)
            for batch in list(hand.claims):
                self._finish(hand.broker, batch, hand.claims.pop(batch), done=True, starts=None)
            self.everything_is_where_it_should_be()
        for slot, life in enumerate(self.lives):
            self.receive(slot, is_lost=False)
            self.receive(slot, is_lost=False)
            assert life.pending <= self.model.unwanted, "somebody waits in vain"
        census = self._census()
        assert set(census.held()) == set(self.model.dead)
        assert (census.wake_tokens, census.leases, census.expiries) == (0, {}, {})


def patient(options: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """No step of a history may end for the machine's slowness alone: thousands of connections are opened."""
    return lambda *of, **what: options(*of, **what) | {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}


@pytest.mark.timeout(0 if EXAMPLES in os.environ else 600)  # a failure takes minutes to shrink
@pytest.mark.parametrize("kind", ["valkey", "redis"])
def test_every_admitted_job_is_in_exactly_one_place_and_has_one_end(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = FINDERS[kind]()
    if binary is None:
        pytest.skip(f"no {kind}-server on this machine")
    how = settings(
        max_examples=int(os.environ.get(EXAMPLES, "200")),
        derandomize=EXAMPLES not in os.environ,
        stateful_step_count=50,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )

    monkeypatch.setattr(connection, "options", patient(connection.options))
    with running(binary) as server, asyncio.Runner() as runner:
        run_state_machine_as_test(lambda: BrokerMachine(server.url, runner), settings=how)
