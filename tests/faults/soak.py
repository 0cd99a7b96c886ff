"""`make soak MINUTES=30`: steady load, one random fault after another, and what they left behind.

Ends with 1 when a request met no definite end or a wrong answer, or when something was left. The seed is printed: the
same one draws the same faults in the same order.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from broker.embedded import Server
from tests.faults.kit import oracle
from tests.faults.kit.broker_process import DURABLE, broker_process
from tests.faults.kit.proxy import proxy_to
from tests.faults.kit.traffic import LOST, Balancer, Call, ask, traffic
from tests.faults.soak_faults import FAULTS, SPEC, Target
from tests.integration.processes import Process
from tests.integration.stack import Stack, stack
from tests.waiting import until

BATCHERS = FRONT_ENDS = 2
CALM = (2.0, 5.0)  # seconds between two faults
LOOK = 0.2  # seconds between looks for processes that have ended
UNLUCKY = 3.0  # seconds around the kill of a front end in which its clients may lose their connection
MIB = 1 << 20
Figures = dict[str, float]


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 when the guarantee held."""
    arguments = _parser().parse_args(argv)
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}, {arguments.minutes:g} minutes, {arguments.rate:g} requests/s")
    try:
        with _target(random.Random(seed)) as target:
            _soak(target, 60.0 * arguments.minutes, arguments.rate)
    except AssertionError as error:
        print(f"the guarantee did not hold: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long it goes on (10)")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second (100)")
    parser.add_argument("--seed", type=int, help="draws the faults (a new one each time)")
    return parser


@contextlib.contextmanager
def _target(dice: random.Random) -> Iterator[Target]:
    with broker_process(*DURABLE) as broker, proxy_to(broker.url) as proxy:
        behind = Server(url=proxy.url, kind=broker.kind)
        with stack(models=[SPEC], front_ends=FRONT_ENDS, broker=behind) as made:
            for _ in range(BATCHERS - 1):
                made.start_batcher(SPEC)
            made.wait_live(BATCHERS)
            yield Target(broker, proxy, made, dice)


def _soak(target: Target, seconds: float, rate: float) -> None:
    ask(target.stack.urls, 200)  # whatever is made on first use is there now
    before = _figures(target)
    killed: list[float] = []
    balancer = Balancer(lambda: target.stack.urls)
    with _kept_alive(target.stack), balancer.looking(), traffic(balancer.ready, rate=rate) as calls:
        _break_for(target, seconds, killed)
    fates = oracle.check_answers(_without_unlucky(calls, killed), errors={429, 503, 504})
    _whole(target.stack)
    oracle.check_nothing_left(target.stack, within=30.0)
    _show(before, _figures(target), fates, calls)


def _break_for(target: Target, seconds: float, killed: list[float]) -> None:
    """One fault after another. A fault is drawn again only when all the others were."""
    ends, names = time.monotonic() + seconds, list[str]()
    while time.monotonic() < ends:
        names = names or target.dice.sample(sorted(FAULTS), len(FAULTS))
        name = names.pop()
        print(f"{time.strftime('%H:%M:%S')}  {name}", flush=True)
        if name == "front end killed":
            killed.append(time.monotonic())
        FAULTS[name](target)
        time.sleep(target.dice.uniform(*CALM))


def _without_unlucky(calls: Sequence[Call], killed: Sequence[float]) -> list[Call]:
    """Who was connected to a front end that was killed is told by the broken connection: nobody is left to answer."""
    return [call for call in calls if not (call.status == LOST and _is_near(call, killed))]


def _is_near(call: Call, killed: Sequence[float]) -> bool:
    return any(call.sent - UNLUCKY < at < call.ended + UNLUCKY for at in killed)


# What `jitney up` and Kubernetes do in life: whoever ends is started again.


@contextlib.contextmanager
def _kept_alive(made: Stack) -> Iterator[None]:
    stopping = threading.Event()

    def watch() -> None:
        while not stopping.wait(LOOK):
            _replace_ended(made)

    thread = threading.Thread(target=watch, name="supervisor")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _replace_ended(made: Stack) -> None:
    for batcher in [one for one in made.batchers if one.exit_code is not None]:
        made.batchers.remove(batcher)
        made.start_batcher(SPEC, wait=False)
    for front_end in [one for one in made.front_ends if one.exit_code is not None]:
        made.front_ends.remove(front_end)
        made.start_front_end(wait=False)


def _whole(made: Stack) -> None:
    _replace_ended(made)
    for front_end in made.front_ends:
        made.wait_ready(front_end)
    made.wait_live(BATCHERS)
    ask(made.urls, 200)


# What is left


def _figures(target: Target) -> Figures:
    with target.broker.client() as client:
        until(lambda: not oracle.leftovers(client), "nothing waits", within=30.0)
        figures = {
            "keys": client.dbsize(),
            "connections to the broker": len(client.client_list(_type="normal")) - 1,
            "broker's memory, MiB": client.info("memory")["used_memory"] / MIB,
        }
    for kind, processes in (("batchers", target.stack.batchers), ("front ends", target.stack.front_ends)):
        figures[f"descriptors of {kind}"] = sum(map(_descriptors, processes))
        figures[f"memory of {kind}, MiB"] = sum(map(_memory, processes)) / MIB
    figures["pending futures of front ends"] = sum(front_end.waiting() for front_end in target.stack.front_ends)
    return figures


def _descriptors(process: Process) -> int:
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


def _memory(process: Process) -> int:
    """Resident bytes."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * 4096


def _show(before: Figures, after: Figures, fates: Counter[int], calls: Sequence[Call]) -> None:
    print(f"\n{len(calls)} requests: {', '.join(f'{count} × {status}' for status, count in sorted(fates.items()))}")
    print(f"slowest answer: {max(call.seconds for call in calls if call.status == 200):.2f} s\n")
    print(f"{'':32}{'before':>10}{'after':>10}")
    for name, value in before.items():
        print(f"{name:32}{value:10.1f}{after[name]:10.1f}")


if __name__ == "__main__":
    sys.exit(main())
