"""The ways in which the soak breaks a target, by name. Each returns when its fault is over."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from broker.redis import scripts
from tests.faults.kit.broker_process import BrokerProcess
from tests.faults.kit.proxy import Proxy
from tests.faults.kit.traffic import Call, ask
from tests.integration.processes import FrontEnd, Process
from tests.integration.stack import Stack
from tests.waiting import until

SPEC = "synthetic:10ms+1ms,faults=on"
READER = b"LRANGE"  # what the reply reader says, and nobody else outside a script
LEASE = 2.5  # seconds, the default
Anyone = TypeVar("Anyone", bound=Process)


@dataclass(frozen=True, slots=True)
class Target:
    """A stack whose every link to the broker goes through the proxy."""

    broker: BrokerProcess
    proxy: Proxy
    stack: Stack
    dice: random.Random

    def a_batcher(self) -> Process:
        """One that runs."""
        return self._one_of(lambda: [one for one in list(self.stack.batchers) if one.exit_code is None])

    def a_front_end(self) -> FrontEnd:
        """One that takes requests."""
        return self._one_of(lambda: [one for one in list(self.stack.front_ends) if one.is_ready()])

    def _one_of(self, candidates: Callable[[], list[Anyone]]) -> Anyone:
        until(candidates, "there is a process to break", within=30.0)
        return self.dice.choice(candidates())


def _pause(process: Process | BrokerProcess, seconds: float) -> None:
    process.pause()
    time.sleep(seconds)
    process.resume()


def _cut(target: Target) -> None:
    with target.proxy.cut():
        time.sleep(2.0)


def _black_hole(target: Target) -> None:
    with target.proxy.black_hole():
        time.sleep(2.0)


def _half_open(target: Target) -> None:
    with target.proxy.half_open():
        time.sleep(3.0)


def _delay(target: Target) -> None:
    with target.proxy.delay(0.1):
        time.sleep(3.0)


def _drop(command: bytes | str) -> Callable[[Target], None]:
    wanted = command if isinstance(command, bytes) else command.encode()

    def lose_one(target: Target) -> None:
        with target.proxy.drop_reply(wanted) as dropped:
            dropped.happened.wait(5.0)

    return lose_one


def _kill_connections(target: Target) -> None:
    with target.broker.client() as client:
        client.client_kill_filter(_type="normal", skipme=True)


def _flush_scripts(target: Target) -> None:
    with target.broker.client() as client:
        client.script_flush()


def _poison(target: Target) -> None:
    (call,) = ask([target.a_front_end().url], texts=["!exit"])
    assert is_poison(call), f"a poison ended in {call.status}: {call.body!r}"


def is_poison(call: Call) -> bool:
    """Set aside, or refused for a reason of the moment."""
    return call.status in (500, 503, 504)


FAULTS: Mapping[str, Callable[[Target], None]] = {
    "batcher killed": lambda target: target.a_batcher().kill(),
    "batcher stopped for two leases": lambda target: _pause(target.a_batcher(), 2 * LEASE),
    "batcher ended by SIGTERM": lambda target: target.a_batcher().popen.terminate(),
    "front end killed": lambda target: target.a_front_end().kill(),
    "front end stopped for 3 s": lambda target: _pause(target.a_front_end(), 3.0),
    "poison": _poison,
    "every connection reset": lambda target: target.proxy.reset(),
    "every connection killed by the broker": _kill_connections,
    "link cut for 2 s": _cut,
    "link a black hole for 2 s": _black_hole,
    "every connection half-open": _half_open,
    "replies 0.1 s late for 3 s": _delay,
    "a reply to ADMIT lost": _drop(scripts.ADMIT.sha),
    "a reply to DRAIN lost": _drop(scripts.DRAIN.sha),
    "a reply to FINISH lost": _drop(scripts.FINISH.sha),
    "a reply to the reader lost": _drop(READER),
    "scripts flushed": _flush_scripts,
    "broker stopped for 2 s": lambda target: _pause(target.broker, 2.0),
    "broker killed, back with its data": lambda target: target.broker.restart(keep_data=True),
    "broker killed, back empty": lambda target: target.broker.restart(keep_data=False),
}
