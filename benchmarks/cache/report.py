"""What was measured, and its tables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.lib.machine import beside_figures
from benchmarks.lib.markdown import table

OFF, MEMORY, SERVER, HISTORY = "off", "cache", "cache and its server", "history"
SHARES = (0, 50, 90, 100)  # % of the records that were asked before
FORMS: Mapping[int, Sequence[str]] = {share: (OFF, MEMORY) for share in SHARES} | {0: (OFF, MEMORY, SERVER, HISTORY)}
COLUMNS = "asked before|off: answers/s|p50 / p99 ms|cache: answers/s|p50 / p99 ms|on/off"
COST_COLUMNS = "nothing asked before|answers/s|on/off|of each round|CPU, µs an answer: front end|of all|more"
CALM = 0.2  # cores that others may keep busy beside a run that counts, where there are such runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One stretch of load on one front end. Durations in ms."""

    round: int
    form: str
    share: int  # % of its requests that were asked before
    answers: float  # a second
    hits: float  # share of all answers that the cache gave
    p50: float
    p99: float
    cpu: float  # µs of the front end an answer
    all_cpu: float  # µs of front end, batcher and broker an answer
    client: float  # cores that the client used
    others: float  # cores that processes other than ours kept busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Runs in the order in which they were measured."""

    date: str
    machine: dict[str, str]
    model: str
    clients: int
    runs: list[Run]


def turns(rounds: int) -> Iterable[tuple[int, int, str]]:
    """Round, share and form: those that are compared follow each other, every second round the other way about."""
    for number in range(rounds):
        for share in SHARES:
            for form in FORMS[share] if number % 2 == 0 else reversed(FORMS[share]):
                yield number, share, form


def ratios(report: Report, form: str, share: int) -> list[float]:
    """Answers a second beside those of the same round with all of it off, of rounds in which both were calm."""
    off = {run.round: run for run in _all(report, OFF, share)}
    pairs = [(off[run.round], run) for run in _all(report, form, share)]
    calm = [pair for pair in pairs if _are_calm(pair)]
    return [run.answers / beside.answers for beside, run in calm or pairs]


def tables(report: Report) -> dict[str, list[str]]:
    """Medians of the rounds, by the kind of the model."""
    kind = report.model.partition(":")[0]
    others = median(run.others for run in report.runs)
    calm = sum(_are_calm([run]) for run in report.runs)
    counted = f"{calm} of {len(report.runs)} runs with less than {CALM:g} cores busy otherwise"
    beside = ["", f"{report.clients} clients; {counted}. {beside_figures(report.date, report.machine, others)}"]
    gains = table(COLUMNS, [_gain(report, share) for share in SHARES])
    costs = table(COST_COLUMNS, [_cost(report, form) for form in FORMS[0]])
    return {f"cache {kind}": [*gains, "", *costs, *beside]}


def _gain(report: Report, share: int) -> list[str]:
    cells = [cell for form in (OFF, MEMORY) for cell in _answers(report, form, share)]
    return [f"{share} %", *cells, f"{median(ratios(report, MEMORY, share)):.2f}"]


def _answers(report: Report, form: str, share: int) -> list[str]:
    runs = _of(report, form, share)
    p50, p99 = median(run.p50 for run in runs), median(run.p99 for run in runs)
    return [f"{median(run.answers for run in runs):,.0f}", f"{p50:.1f} / {p99:.1f}"]


def _cost(report: Report, form: str) -> list[str]:
    found, (cpu, of_all), (before, all_before) = ratios(report, form, 0), _cpu(report, form), _cpu(report, OFF)
    each, more = ", ".join(f"{ratio:.2f}" for ratio in found), (cpu - before) / all_before
    answers = _answers(report, form, 0)[0]
    return [form, answers, f"{median(found):.2f}", each, f"{cpu:.0f}", f"{of_all:.0f}", f"{more:+.1%}"]


def _cpu(report: Report, form: str) -> tuple[float, float]:
    """µs an answer of the front end, and of all that compute it."""
    runs = _of(report, form, 0)
    return median(run.cpu for run in runs), median(run.all_cpu for run in runs)


def _of(report: Report, form: str, share: int) -> list[Run]:
    """Those that count."""
    runs = _all(report, form, share)
    return [run for run in runs if _are_calm([run])] or runs


def _are_calm(runs: Iterable[Run]) -> bool:
    return all(run.others <= CALM for run in runs)


def _all(report: Report, form: str, share: int) -> list[Run]:
    return [run for run in report.runs if (run.form, run.share) == (form, share)]
