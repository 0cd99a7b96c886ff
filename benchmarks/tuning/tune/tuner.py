"""The course of a tuning: fit, predict, race, refine, confirm. Pure over what measures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from benchmarks.tuning.records import Choice, Fit, Recommendation
from benchmarks.tuning.tune.advice import verdict
from benchmarks.tuning.tune.candidates import are_alike, in_order, neighbours, predicted, shortlist, soonest_first
from benchmarks.tuning.tune.cost_fit import Batch, drift, fit
from benchmarks.tuning.tune.race import MARGIN, Candidate, Race, Test, soonest
from broker.messages import Limits

ROUNDS = 2  # of refinement around the best
LOWER = 0.96  # times the rate, when it is not confirmed
LOWERINGS = 3
DRIFT = 0.15  # relative change of what batches cost between beginning and end, beyond which nothing is to be trusted
DRIFT_SIZE = 16  # batches up to this size are looked at again
LEAST_CONFIRMED = 2  # of three longer stretches


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What is looked for."""

    slo: float  # seconds, for the p99
    rate: float | None  # requests a second to carry as soon as may be; None: as many as may be
    records: int  # in each request
    most: int  # settings of the grid that are tried on the server
    is_exhaustive: bool = False  # all of the grid, each measured out


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruments:
    """What measures."""

    test: Test
    batches: Callable[[int], Awaitable[Sequence[Batch]]]  # real ones of every size up to so many jobs
    tokens: Callable[[], float]  # of a job, on average; 0.0 where there are none
    confirm: Callable[[Limits, float], Awaitable[int]]  # how many of three longer stretches keep the SLO
    doubts: Callable[[Choice], Sequence[str]]  # why what was measured of it may say nothing of the server


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """The answer, and all that were tried, the best first."""

    recommendation: Recommendation | None  # None: nothing keeps the SLO
    choices: Sequence[Choice]
    fit: Fit


async def tune(
    grid: Sequence[Limits], current: Limits, aim: Aim, ours: Instruments, say: Callable[[str], None]
) -> Tuned:
    """`current` are the limits of now. Raises what the instruments raise."""
    batches = await ours.batches(max(limits.max_batch_size for limits in grid))
    fitted = fit(batches, ours.tokens())
    candidates = predicted(in_order(grid, current), fitted, aim.slo, aim.records)
    tried = _worth_trying(candidates, aim, fitted)
    say(f"{len(tried)} of {len(candidates)} settings are worth trying")
    choices = await _raced(tried, grid, aim, ours, fitted)
    best = choices[0] if choices else None
    if best is None or not best.rate:
        return Tuned(recommendation=None, choices=choices, fit=fitted)
    say("confirming the best")
    choices, confirmed = await _sure(choices, current, aim, ours)
    best = choices[0]
    runner_up = choices[1] if len(choices) > 1 and choices[1].rate else None
    doubts = [*best.doubts, *_unconfirmed(best, confirmed), *ours.doubts(best), *await _drift(batches, ours)]
    recommendation = Recommendation(
        slo_p99=aim.slo,
        rate=aim.rate,
        best=best,
        runner_up=runner_up,
        verdict=verdict(best, runner_up, current),
        fit=fitted,
        confirmed=confirmed,
        doubts=doubts,
    )
    return Tuned(recommendation=recommendation, choices=choices, fit=fitted)


def _worth_trying(candidates: Sequence[Candidate], aim: Aim, fitted: Fit) -> Sequence[Candidate]:
    if aim.is_exhaustive:
        return candidates
    if aim.rate is not None:
        return soonest_first(candidates, fitted, aim.rate, aim.most, aim.records)
    return shortlist(candidates, aim.most)


async def _raced(
    tried: Sequence[Candidate], grid: Sequence[Limits], aim: Aim, ours: Instruments, fitted: Fit
) -> list[Choice]:
    """The best first, the runner-up second."""
    if aim.rate is not None:
        return await soonest(ours.test, tried, aim.rate)
    race = Race(ours.test, is_exhaustive=aim.is_exhaustive)
    await race.run(tried)
    for _ in range(0 if aim.is_exhaustive else ROUNDS):
        before = race.best
        if before is None or not before.rate:
            break
        await race.run(predicted(neighbours(before.limits, grid), fitted, aim.slo, aim.records))
        if race.best is before:
            break
    second = await race.runner_up()
    others = sorted(race.others, key=lambda choice: (choice is not second, -choice.rate))
    return [*([race.best] if race.best else []), *others]


async def _sure(choices: Sequence[Choice], current: Limits, aim: Aim, ours: Instruments) -> tuple[list[Choice], int]:
    """The best in front, and how many of three longer stretches confirm it. Of many that are tried one wins by luck: if
    it has to be lowered, the limits of now, which were measured before any could, have another chance."""
    best, confirmed = await _confirmed(choices[0], aim, ours)
    others = list(choices[1:])
    now = next((one for one in others if are_alike(one.limits, current) and one.rate), None)
    if now is not None and best.rate < choices[0].rate:
        others.remove(now)
        again, confirmed_again = await _confirmed(now, aim, ours)
        if confirmed_again >= min(confirmed, LEAST_CONFIRMED) and again.rate * MARGIN >= best.rate:
            return [again, best, *others], confirmed_again
        others = [again, *others]
    return [best, *others], confirmed


async def _confirmed(best: Choice, aim: Aim, ours: Instruments) -> tuple[Choice, int]:
    """At its rate; at a little less, where it is not. Over a longer time a rate just beyond the card's shows itself."""
    confirmed = await ours.confirm(best.limits, best.rate)
    lowerings = 0
    while confirmed < LEAST_CONFIRMED and lowerings < LOWERINGS and aim.rate is None:
        lowerings += 1
        best = replace(best, fails_at=best.rate, rate=best.rate * LOWER)
        confirmed = await ours.confirm(best.limits, best.rate)
    return best, confirmed


def _unconfirmed(best: Choice, confirmed: int) -> list[str]:
    if confirmed >= LEAST_CONFIRMED:
        return []
    return [f"only {confirmed} of 3 longer stretches at {best.rate:.1f} requests/s kept the SLO"]


async def _drift(before: Sequence[Batch], ours: Instruments) -> list[str]:
    """Whether batches still cost what they did: a neighbour's load, a hot processor, another process on the card."""
    change = drift(before, await ours.batches(DRIFT_SIZE))
    if abs(change) <= DRIFT:
        return []
    return [f"a batch cost {change:+.0%} at the end of what it did at the beginning: the machine is not quiet"]
