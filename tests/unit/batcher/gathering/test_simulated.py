"""Whoever sends, and whatever a batch costs: to wait for callers that come back is never worse than the better of two
fixed windows, none and 5 ms. Simulated, with all of our own work on one core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from broker.messages import Limits
from tests.unit.batcher.gathering.senders import bursts, callers, strangers
from tests.unit.batcher.gathering.spine_world import Spine, Work

MARGIN = 1.03
SHARED = 1.13  # where each card sees only the jobs that it claims itself
FEW, MANY, CROWD, OTHERS = (8.0, 11.0), (4.0, 6.0), (2.0, 4.0), (7.0, 10.0)  # seconds from and until which it counts
BURSTS = (9.0, 16.0)
START = 0.5  # seconds after which a loop is in its stride where nothing is learned
SLOW, HALF, FAST = Work(), Work(factor=0.5), Work(factor=0.3)

Model = tuple[float, float]  # seconds of a batch, and of each job
Span = tuple[float, float]
W0: Model = (0.00002, 0.0)
W1: Model = (0.010, 0.0)
W2: Model = (0.005, 0.0005)


@dataclass(frozen=True, kw_only=True)
class Ran:
    mean: float  # seconds from sending to the answer
    rate: float  # answers a second


def ran(
    model: Model,
    work: Work,
    send: Callable[[Spine], None],
    span: Span,
    limits: Limits,
    *,
    gathers: bool = False,
    cards: int = 1,
) -> Ran:
    spine = Spine(*model, work, limits, gathers=gathers, cards=cards)
    send(spine)
    spine.run(span[1])
    took = [seconds for at, seconds in spine.took if at >= span[0]]
    return Ran(mean=sum(took) / len(took), rate=len(took) / (span[1] - span[0]))


def loop(count: int, think: float = 0.0, *, is_random: bool = False) -> Callable[[Spine], None]:
    return partial(callers, count=count, think=think, is_random=is_random)


def burst(size: int, spread: float = 0.0) -> Callable[[Spine], None]:
    return partial(bursts, size=size, every=0.03, spread=spread)


@pytest.mark.parametrize(
    ("model", "work", "span", "send"),
    [
        pytest.param(W1, SLOW, FEW, loop(1), id="one caller"),
        pytest.param(W1, SLOW, FEW, loop(2), id="two callers"),
        pytest.param(W1, SLOW, FEW, loop(4), id="4 callers"),
        pytest.param(W1, SLOW, FEW, loop(16), id="16 callers"),
        pytest.param(W1, FAST, FEW, loop(16), id="16 callers, a light spine"),
        pytest.param(
            W1, FAST, MANY, loop(32, 0.002, is_random=True), id="32 callers who think for 2 ms, a light spine"
        ),
        pytest.param(W1, SLOW, MANY, loop(64), id="64 callers"),
        pytest.param(W1, FAST, MANY, loop(64), id="64 callers, a light spine"),
        pytest.param(W1, SLOW, CROWD, loop(256), id="256 callers"),
        pytest.param(W1, SLOW, CROWD, loop(1024), id="1,024 callers"),
        pytest.param(W1, SLOW, FEW, loop(1, 0.05), id="one caller who thinks for 50 ms"),
        pytest.param(W1, SLOW, FEW, loop(8, 0.002, is_random=True), id="8 callers who think for 2 ms"),
        pytest.param(W1, SLOW, OTHERS, loop(4, 0.01, is_random=True), id="4 callers who think for 10 ms"),
        pytest.param(W1, SLOW, MANY, loop(32, 0.01, is_random=True), id="32 callers who think for 10 ms"),
        pytest.param(W1, SLOW, OTHERS, loop(4, 0.05, is_random=True), id="4 callers who think for 50 ms"),
        pytest.param(W1, SLOW, MANY, loop(64, 0.05, is_random=True), id="64 callers who think for 50 ms"),
        pytest.param(W1, SLOW, OTHERS, partial(strangers, rate=20.0), id="20 strangers a second"),
        pytest.param(W1, SLOW, OTHERS, partial(strangers, rate=500.0), id="500 strangers a second"),
        pytest.param(W1, SLOW, OTHERS, partial(strangers, rate=2000.0), id="2,000 strangers a second"),
        pytest.param(W1, HALF, FEW, loop(2), id="two callers, half the spine"),
        pytest.param(W1, HALF, FEW, loop(16), id="16 callers, half the spine"),
        pytest.param(W1, HALF, MANY, loop(64), id="64 callers, half the spine"),
        pytest.param(W1, HALF, CROWD, loop(256), id="256 callers, half the spine"),
        pytest.param(W1, HALF, OTHERS, partial(strangers, rate=500.0), id="500 strangers a second, half the spine"),
        pytest.param(W1, HALF, BURSTS, burst(4, spread=0.002), id="4 within 2 ms"),
        pytest.param(W1, HALF, BURSTS, burst(16, spread=0.002), id="16 within 2 ms"),
        pytest.param(W1, SLOW, BURSTS, burst(16, spread=0.005), id="16 within 5 ms"),
        pytest.param(W1, HALF, BURSTS, burst(48, spread=0.005), id="48 within 5 ms"),
        pytest.param(W1, SLOW, OTHERS, burst(16), id="16 at once, every 30 ms"),
        pytest.param(
            W1, SLOW, OTHERS, partial(bursts, size=48, every=0.1, is_random=True), id="48 at once, now and then"
        ),
        pytest.param(
            W1, SLOW, OTHERS, partial(callers, count=64, stay=4, leave=1.0), id="64 callers, of whom 60 leave"
        ),
        pytest.param(
            W1, SLOW, OTHERS, partial(callers, count=16, stay=1, leave=1.0), id="16 callers, of whom 15 leave"
        ),
        pytest.param(W2, SLOW, FEW, loop(2), id="two callers of a model that takes its time a job"),
        pytest.param(W2, SLOW, FEW, loop(16), id="16 callers of a model that takes its time a job"),
        pytest.param(W2, SLOW, MANY, loop(64), id="64 callers of a model that takes its time a job"),
        pytest.param(W2, SLOW, OTHERS, partial(strangers, rate=1000.0), id="1,000 strangers a second, the same"),
        pytest.param(W0, SLOW, FEW, loop(1), id="one caller of a model that costs nothing"),
        pytest.param(W0, SLOW, MANY, loop(16), id="16 callers of a model that costs nothing"),
        pytest.param(W0, SLOW, CROWD, loop(256), id="256 callers of a model that costs nothing"),
    ],
)
def test_to_wait_for_callers_is_as_good_as_the_better_fixed_window(
    model: Model, work: Work, span: Span, send: Callable[[Spine], None]
) -> None:
    begun = span if span in (OTHERS, BURSTS) else (START, START + span[1] - span[0])
    none, some = (ran(model, work, send, begun, Limits(policy="fixed", max_wait=wait)) for wait in (0.0, 0.005))

    ours = ran(model, work, send, span, Limits(), gathers=True)

    assert ours.mean <= MARGIN * min(none.mean, some.mean)
    assert ours.rate >= max(none.rate, some.rate) / MARGIN


@pytest.mark.parametrize(("cards", "count"), [(2, 8), (2, 64), (4, 16)])
def test_cards_that_share_a_queue_do_not_starve_each_other(cards: int, count: int) -> None:
    fixed = ran(W1, HALF, loop(count), (START, 2.5), Limits(policy="fixed", max_wait=0.0), cards=cards)

    ours = ran(W1, HALF, loop(count), MANY, Limits(), gathers=True, cards=cards)

    assert ours.rate >= fixed.rate / SHARED


@pytest.mark.parametrize(("count", "gain"), [(4, 1.2), (16, 1.3), (64, 1.1)])
def test_callers_who_come_back_soon_are_served_together(count: int, gain: float) -> None:
    without = ran(W1, FAST, loop(count), (START, 2.0), Limits())

    ours = ran(W1, FAST, loop(count), MANY, Limits(), gathers=True)

    assert ours.rate > gain * without.rate


def test_a_lone_caller_never_waits() -> None:
    spine = Spine(*W1, SLOW, Limits(), gathers=True)
    callers(spine, 1)

    spine.run(4.0)

    assert spine.looks == 0
