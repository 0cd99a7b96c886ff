"""What was measured beside what was asked for, as a page of markdown. Pure: it reads the object of the results file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.lib.markdown import table
from benchmarks.translation.engines import FEW, FULL, name_of

OFFLINE, ARRIVALS = "offline, mixed lengths", "Poisson arrivals, answers of 5 to 60 tokens"
# Ours by theirs, (dtype, how many times theirs), and what is asked for at least.
STATIC, ALONE, BEHIND = 1.3, 6.0, 2.0
CTRANSLATE2 = (
    ("fp32", FULL, {"fp32": 0.9, "bf16": 2.5}),
    ("int8", FULL, {"bf16": 1.0, "int8": 1.5}),
    ("int8", FEW, {"bf16": 1.0, "int8": 1.5}),
)
CEILING = 0.6  # of the matrix products alone
ENCODERS = {"bf16": 2.5, "int8": 3.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One target. `ratio` is None where something it needs was not measured, or never answered in time."""

    against: str
    workload: str
    ours: str
    asked: float
    ratio: float | None
    figures: str = ""

    @property
    def verdict(self) -> str:
        if self.ratio is None:
            return "not measured"
        return "met" if self.ratio >= self.asked else "missed"

    @property
    def cells(self) -> Sequence[str]:
        ratio = "-" if self.ratio is None else f"{self.ratio:.2f}"
        return self.against, self.workload, self.ours, self.figures, ratio, f"{self.asked:g}", self.verdict


def markdown(results: Mapping[str, Any]) -> str:
    """The whole page; parts that were not measured are left out."""
    machine = [f"- {name}: {value}" for name, value in results["machine"].items()]
    rows = table("against|workload|ours|figures|ratio|at least|verdict", [row.cells for row in rows_of(results)])
    return "\n".join([*machine, "", *rows, *(_large(results["large"]) if "large" in results else ())])


def rows_of(results: Mapping[str, Any]) -> list[Row]:
    """Every target of the parts that are there."""
    return [
        *(_offline(results["offline"]) if "offline" in results else ()),
        *(_broker(results["broker"]) if "broker" in results else ()),
        *(_ceiling(one) for one in results.get("ceiling", {}).get("dtypes", ())),
        *(_encoders(results["encoders"]) if "encoders" in results else ()),
    ]


def _offline(part: Mapping[str, Any]) -> Iterator[Row]:
    rates = {name: median(found) for name, found in part["rates"].items() if found}

    def row(against: str, theirs: str, dtype: str, rows: int, asked: float) -> Row:
        our_rate, their_rate = rates.get(name_of("jitney", dtype, rows)), rates.get(theirs)
        if our_rate is None or their_rate is None:
            return Row(against=against, workload=OFFLINE, ours=dtype, asked=asked, ratio=None)
        figures = f"{our_rate:,.0f} / {their_rate:,.0f} tokens/s"
        ratio = our_rate / their_rate
        return Row(against=against, workload=OFFLINE, ours=dtype, asked=asked, ratio=ratio, figures=figures)

    yield row(f"HF generate fp32, batch {FULL}", name_of("hf", "fp32", FULL), "fp32", FULL, STATIC)
    yield row("HF generate fp32, one at a time", name_of("hf", "fp32", 1), "fp32", FULL, ALONE)
    for theirs, size, asked in CTRANSLATE2:
        for dtype, least in asked.items():
            against = f"CTranslate2 {theirs}, batch {size}"
            yield row(against, name_of("ctranslate2", theirs, size), dtype, size, least)


def _broker(part: Mapping[str, Any]) -> Iterator[Row]:
    engines = {one["name"]: one for one in part["engines"]}
    for theirs, ours, against in (
        ("hf fp32", "jitney fp32", "HF generate fp32, behind the same broker"),
        ("ctranslate2 int8", "jitney int8", "CTranslate2 int8, behind the same broker"),
    ):
        if theirs in engines and ours in engines:
            dtype, workload = ours.split()[1], f"{ARRIVALS}, p99 ≤ {engines[theirs]['bound']:.1f} s"
            yield _at_equal_p99(engines[ours], engines[theirs], against, workload, dtype)
            yield from _at_equal_load(engines[ours], engines[theirs], against, dtype)


def _at_equal_p99(ours: Mapping[str, Any], theirs: Mapping[str, Any], against: str, workload: str, dtype: str) -> Row:
    mine, other = ours["best"], theirs["best"]
    if mine is None or other is None:
        return Row(against=against, workload=workload, ours=dtype, asked=BEHIND, ratio=None)
    figures = f"{mine['tokens']:,.0f} / {other['tokens']:,.0f} tokens/s"
    ratio = mine["tokens"] / other["tokens"]
    return Row(against=against, workload=workload, ours=dtype, asked=BEHIND, ratio=ratio, figures=figures)


def _at_equal_load(ours: Mapping[str, Any], theirs: Mapping[str, Any], against: str, dtype: str) -> Iterator[Row]:
    """Theirs by ours: how many times as soon ours answers, at the highest rate that they can do in time."""
    for mine in ours["alike"]:
        other = theirs["best"]
        if other is not None and mine["rate"] == other["rate"] and mine["met"]:
            figures = f"p99 {mine['p99']:.2f} / {other['p99']:.2f} s"
            workload = f"{ARRIVALS}, p99 at {other['rate']:.2f} requests/s"
            ratio = other["p99"] / mine["p99"]
            yield Row(against=against, workload=workload, ours=dtype, asked=BEHIND, ratio=ratio, figures=figures)


def _ceiling(one: Mapping[str, Any]) -> Row:
    return Row(
        against="its matrix products alone",
        workload="decode step at 64 rows",
        ours=one["dtype"],
        asked=CEILING,
        ratio=one["share"],
        figures=f"{one['achieved']:,.0f} / {one['ceiling']:,.0f} GFLOP/s, {one['step'] * 1000:.1f} ms",
    )


def _encoders(part: Mapping[str, Any]) -> Iterator[Row]:
    rates = {name: median(found[name] for found in part["rates"]) for name in part["rates"][0]}
    for dtype, asked in ENCODERS.items():
        yield Row(
            against="all-MiniLM-L6-v2 by transformers in fp32",
            workload=f"offline, {part['sentences']:,} sentences of 3 to 60 words, sorted by length",
            ours=dtype,
            asked=asked,
            ratio=median(found[dtype] for found in part["ratios"]),
            figures=f"{rates[dtype]:,.0f} / {rates['before']:,.0f} sentences/s",
        )


def _large(part: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield f"**The {part['size']} shape, {part['rows']} rows**"
    yield ""
    figures = ((one["engine"], one["load"], one["peak"] or 0.0, one["tokens"]) for one in part["engines"])
    rows = [(name, f"{load:.1f}", f"{peak:.2f}", f"{rate:,.1f}") for name, load, peak, rate in figures]
    yield from table("engine|load s|peak memory GB|tokens/s", rows)
