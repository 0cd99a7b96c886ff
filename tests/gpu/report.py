"""What became of the parts, as JSON and as tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.lib.markdown import table

SPEED = "speed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One part. `verdict` is ok, failed or skipped; `checks` have name, is_ok and figures."""

    part: str
    verdict: str
    why: str
    seconds: float
    checks: Sequence[Mapping[str, Any]]


def as_json(device: str, outcomes: Sequence[Outcome], seconds: float) -> dict[str, Any]:
    return {
        "device": device,
        "about": facts(outcomes),
        "seconds": round(seconds, 1),
        "is_ok": is_ok(outcomes),
        "parts": [asdict(one) for one in outcomes],
    }


def is_ok(outcomes: Sequence[Outcome]) -> bool:
    """Whether nothing failed. What was skipped did not."""
    return all(one.verdict != "failed" for one in outcomes)


def facts(outcomes: Sequence[Outcome]) -> Mapping[str, Any]:
    """Of the machine, where the part that tells of it came so far."""
    found = [check["figures"] for one in outcomes for check in one.checks if check["name"] == "device"]
    return found[0] if found else {}


def tables(outcomes: Sequence[Outcome]) -> str:
    """Markdown: the parts, the checks, and the speeds with a column for each figure."""
    about = ", ".join(f"{name} {value}" for name, value in facts(outcomes).items())
    parts = [(one.part, one.verdict, f"{one.seconds:.1f}", one.why) for one in outcomes]
    checks = [
        (one.part, check["name"], "ok" if check["is_ok"] else "FAILED", _shown(check["figures"]))
        for one in outcomes
        for check in one.checks
        if "rows" not in check["figures"] or one.part != SPEED
    ]
    tables = [table("part|verdict|seconds|why", parts), table("part|check|verdict|figures", checks)]
    speeds = [check["figures"] for one in outcomes if one.part == SPEED for check in one.checks]
    speeds = [figures for figures in speeds if "rows" in figures]
    if speeds:
        tables.append(table("|".join(speeds[0]), [tuple(map(str, figures.values())) for figures in speeds]))
    return "\n\n".join([about, *("\n".join(lines) for lines in tables)])


def _shown(figures: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items())
