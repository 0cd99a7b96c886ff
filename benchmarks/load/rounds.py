"""The same load several times, as one figure, and ratios within a round. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf, isfinite
from statistics import median

from benchmarks.load.stretch import Stretch

OTHERS = 0.2  # cores; more that other processes keep busy is told
SERVERS = ("front end", "batcher", "broker")
Rounds = Sequence[Stretch]
Figure = Callable[[Stretch], float]


def ratio(ours: Rounds, theirs: Rounds, of: Figure) -> float:
    """To what theirs came to in the same round, the median; `inf` beside nothing."""
    pairs = [(of(one), of(other)) for one, other in zip(ours, theirs, strict=True)]
    return median(one / other if other else inf for one, other in pairs)


def per_second(stretch: Stretch) -> float:
    """Answers."""
    return stretch.summary.per_second


def p50(stretch: Stretch) -> float:
    """Milliseconds; `inf` where nothing was answered."""
    return stretch.summary.latency.p50 if stretch.summary.latency else inf


def p99(stretch: Stretch) -> float:
    """Milliseconds; `inf` where nothing was answered."""
    return stretch.summary.latency.p99 if stretch.summary.latency else inf


def batch_size(stretch: Stretch) -> float:
    """Jobs in the batches that requests met; 0 where no server tells."""
    return stretch.summary.batch_size or 0.0


def commands(stretch: Stretch) -> float:
    """That the broker ran for an answer."""
    return stretch.commands


def micros(of: str = "") -> Figure:
    """Processor µs an answer of all servers, or of those whose title begins so: there may be several batchers."""
    return lambda stretch: sum(spent for title, spent in stretch.cpu.items() if title.startswith(of))


def shown(value: float, digits: int = 1) -> str:
    """`-` for none."""
    return f"{value:,.{digits}f}" if isfinite(value) and value else "-"


def remarks(measured: Mapping[str, Rounds]) -> Iterator[str]:
    """What may have spoilt the figures, by what was measured."""
    for what, rounds in measured.items():
        if said := [stretch.summary.client_limit for stretch in rounds if stretch.summary.client_limit]:
            yield f"{what}: the client was the limit in {len(said)} of {len(rounds)} round(s): {said[0]}"
    busiest = max(stretch.others for rounds in measured.values() for stretch in rounds)
    if busiest > OTHERS:
        yield f"Other processes kept up to {busiest:.1f} cores busy: measure again on a quiet machine."
