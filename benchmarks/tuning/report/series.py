"""One setting under several loads: which are worth a curve, and where each bends. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.tuning.grid import shown
from benchmarks.tuning.records import Choice, Point, Recommendation
from benchmarks.tuning.report.frontier import p99, rounded
from broker.messages import Limits

KEPT = 0.99  # of what was due, as a p99 has it
ANSWERED = 0.97  # of what was due, where no SLO says how late an answer may be: the rest is noise
LAG = 0.1  # of the measured time, at most, for answers that come after its end
CURVES, LOADS = 6, 12  # as many as a picture can show
ALIKE, NEAR = 0.05, 0.02  # relative: knees, and loads, that lie closer are drawn as one


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One setting under loads of one kind, each once, by rising load."""

    limits: Limits
    is_open: bool  # requests that come by themselves; else clients that wait
    points: Sequence[Point]

    @property
    def axis(self) -> str:
        """What its loads are."""
        return "offered requests a second" if self.is_open else "clients of a closed loop"


def all_series(points: Sequence[Point]) -> list[Series]:
    """Settings that were measured under two loads or more. Of points under the same load the last one counts."""
    found: dict[tuple[Limits, bool], dict[float, Point]] = {}
    for point in points:
        found.setdefault((point.limits, point.offered.rate is not None), {})[load(point)] = point
    return [
        Series(limits=limits, is_open=is_open, points=[held[key] for key in sorted(held)])
        for (limits, is_open), held in found.items()
        if len(held) > 1
    ]


def told(found: Sequence[Series], recommendation: Recommendation | None) -> Series | None:
    """The one to look at closely: the recommended setting, else one that carries most, else one with most loads."""
    best = recommendation.best.limits if recommendation else None
    return max(found, key=lambda one: (one.limits == best, one.is_open, _carried(one), len(one.points)), default=None)


def curves(found: Sequence[Series], recommendation: Recommendation | None) -> list[list[Series]]:
    """The open ones, most carried first, those with about the same knee together: the first is drawn for the others.

    What is recommended and its runner-up are always drawn.
    """
    chosen = [choice.limits for choice in choices(recommendation)]
    ordered: list[list[Series]] = []
    for one in sorted((one for one in found if one.is_open), key=lambda one: -_carried(one)):
        like = [same for same in ordered if same[0].limits not in chosen and _are_alike(same[0], one)]
        if like and one.limits not in chosen:
            like[0].append(one)
        else:
            ordered.append([one])
    kept = [same for same in ordered if same[0].limits in chosen]
    others = [same for same in ordered if same[0].limits not in chosen][: CURVES - len(kept)]
    return [same for same in ordered if same in kept or same in others]


def knee(points: Sequence[Point]) -> float | None:
    """The highest offered rate that was kept, up to noise; None where none was."""
    return max((point.offered.rate for point in points if point.offered.rate and is_kept(point)), default=None)


def is_kept(point: Point) -> bool:
    """Whether 99 % of what came was answered within the SLO; without one, whether answers kept up with it."""
    summary = point.summary
    if summary.within_slo is not None:
        return summary.within_slo >= KEPT
    # The last of those that were due are answered after the end of the measured time, and are nobody's failure.
    lag = summary.latency.p50 / 1000 / summary.seconds if summary.latency and summary.seconds else 0.0
    return summary.per_second >= ANSWERED * (1 - min(LAG, lag)) * came(point) > 0


def came(point: Point) -> float:
    """Requests a second that really were due: of a Poisson stream, a little more or fewer than the rate."""
    summary = point.summary
    return summary.due / summary.seconds if summary.seconds else point.offered.rate or 0.0


def good(point: Point) -> float:
    """Answers a second within the SLO, were as many due as the rate says; without an SLO, all in time."""
    summary = point.summary
    if summary.within_slo is None or point.offered.rate is None:
        return summary.per_second if summary.goodput is None else summary.goodput
    return summary.within_slo * point.offered.rate


def load(point: Point) -> float:
    """Its rate, or its clients."""
    return float(point.offered.rate or point.offered.concurrency or 0.0)


def thinned(points: Sequence[Point]) -> list[Point]:
    """No more of them than a picture can show and no two under nearly the same load; the first and the last stay."""
    kept: list[Point] = []
    for point in points[:-1]:
        if not kept or load(point) >= (1 + NEAR) * load(kept[-1]):
            kept.append(point)
    if len(kept) > 1 and load(points[-1]) < (1 + NEAR) * load(kept[-1]):
        kept.pop()
    kept.append(points[-1])
    if len(kept) <= LOADS:
        return kept
    return [kept[round(place * (len(kept) - 1) / (LOADS - 1))] for place in range(LOADS)]


def choices(recommendation: Recommendation | None) -> list[Choice]:
    """The best and the runner-up, as far as there are any."""
    found = (recommendation.best, recommendation.runner_up) if recommendation else ()
    return [choice for choice in found if choice is not None]


def seen(choice: Choice, points: Sequence[Point]) -> Point | None:
    """The last point in which this choice was measured at the rate that it is said to carry, or nearest to it."""
    own = [point for point in points if point.limits == choice.limits and p99(point) is not None]
    return min(reversed(own), key=lambda point: abs((point.offered.rate or 0.0) - choice.rate), default=None)


def shares(point: Point) -> dict[str, float]:
    """Which share of its requests met a batch of so many jobs, in octaves; the smallest batches first."""
    counts: dict[int, int] = {}
    for size, count in point.summary.batch_sizes.items():
        octave = int(size).bit_length() - 1
        counts[octave] = counts.get(octave, 0) + count
    return {_octave(octave): counts[octave] / sum(counts.values()) for octave in sorted(counts)}


def knee_in_words(series: Series) -> str:
    """`carries 400/s`, or what else is known of it."""
    found = knee(series.points)
    if found is None:
        return f"does not carry {rounded(load(series.points[0]))}/s"
    return f"carries {rounded(found)}/s" + (" or more" if found == series.points[-1].offered.rate else "")


def title(series: Series, recommendation: Recommendation | None) -> str:
    """The setting, and what it is to the recommendation."""
    is_best = recommendation is not None and recommendation.best.limits == series.limits
    return f"{shown(series.limits)}{' (recommended)' if is_best else ''}"


def _carried(series: Series) -> float:
    """Of clients that wait, whom no setting turns away: the most that was answered within the SLO."""
    return knee(series.points) or 0.0 if series.is_open else max(map(good, series.points))


def _are_alike(one: Series, other: Series) -> bool:
    return abs(_carried(one) - _carried(other)) <= ALIKE * _carried(one)


def _octave(octave: int) -> str:
    first, last = 2**octave, 2 ** (octave + 1) - 1
    return f"{first}" if first == last else f"{first} to {last}"
