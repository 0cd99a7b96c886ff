"""What a prediction costs, and what a kill costs it, as tables. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from statistics import median

from benchmarks.batches.cost import PREDICTION, WAITS, Case, Cost
from benchmarks.batches.kill import Kill
from benchmarks.lib.markdown import table

COST_COLUMNS = (
    "records|at once|of a|EVALSHA|all commands|broker, µs|bytes to it|bytes from it|kept there, bytes"
    "|front end, µs|ms in all"
)
KILL_COLUMNS = "records|done before the kill|adopted after, s|result after, s|computed twice|lost or wrong"


def costs_as_table(costs: Sequence[Cost]) -> Iterator[str]:
    """Medians over the rounds; a third row says what a prediction costs more."""
    yield "**One call**, medians of the rounds (at once: calls that are under way)"
    yield ""
    yield from table(COST_COLUMNS, _cost_rows(costs))


def kills_as_table(title: str, kills: Sequence[Kill]) -> Iterator[str]:
    """A row each."""
    yield f"**Its front end killed amid {title}**"
    yield ""
    yield from table(KILL_COLUMNS, (_kill_row(kill) for kill in kills))


def medians(costs: Sequence[Cost], kind: str, case: Case) -> list[float]:
    """Of each figure, in the order of its fields."""
    found = [cost for cost in costs if (cost.kind, cost.case) == (kind, case)]
    return [median(getattr(cost, field.name) for cost in found) for field in fields(Cost)[2:]]


def _cost_rows(costs: Sequence[Cost]) -> Iterator[list[str]]:
    for case in sorted({cost.case for cost in costs}):
        waits, prediction = (medians(costs, kind, case) for kind in (WAITS, PREDICTION))
        more = [ours - theirs for ours, theirs in zip(prediction, waits, strict=True)]
        for kind, figures in ((WAITS, waits), (PREDICTION, prediction), ("**more**", more)):
            *counted, seconds = figures
            shown = [f"{figure:.1f}" if place < 2 else f"{figure:.0f}" for place, figure in enumerate(counted)]
            yield [f"{case.records}", f"{case.at_once}", kind, *shown, f"{1000 * seconds:.1f}"]


def _kill_row(kill: Kill) -> list[str]:
    seconds = f"{kill.adopted:.1f}", f"{kill.finished:.1f}"
    return [f"{kill.records}", f"{kill.done_before}", *seconds, f"{kill.twice}", f"{kill.wrong}"]
