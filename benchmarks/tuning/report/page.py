"""A report as one HTML file that needs no other: the answer in words, then pictures and how to read them. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.tuning.grid import shown
from benchmarks.tuning.records import Point, Recommendation, Run
from benchmarks.tuning.report import tables
from benchmarks.tuning.report.frontier import Change, frontier, rounded
from benchmarks.tuning.tune import advice

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.5rem }} h2 {{ font-size: 1.15rem; margin-top: 2rem }}
figure {{ margin: 2rem 0 }} img {{ max-width: 100% }} figcaption {{ color: #555 }}
.answer {{ border-left: 4px solid #0072b2; padding: .2rem 1rem; background: #f2f7fb }}
.doubt {{ border-left: 4px solid #d55e00; padding: .2rem 1rem; background: #fdf3ec }}
.scroll {{ overflow-x: auto }} table {{ border-collapse: collapse; font-size: 13px }}
td, th {{ border-bottom: 1px solid #ddd; padding: .2rem .6rem; text-align: left; vertical-align: top }}
tr.best td:first-child, tr.worse td:last-child {{ font-weight: bold }}
tr.worse {{ background: #fdf3ec }} tr.better {{ background: #eef8f4 }}
pre {{ font-size: 13px; overflow-x: auto }}
</style>
<h1>{title}</h1>
{body}
</html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One, and the sentence that says how to read it. `name` is its file's, without `.png`."""

    name: str
    png: bytes
    reading: str


def of_run(
    run: Run, points: Sequence[Point], recommendation: Recommendation | None, pictures: Sequence[Picture]
) -> str:
    """The recommendation first, where there is one."""
    best = frontier(points)
    marks = ["best" if point in best else "" for point in points]
    body = [
        *(_answer(recommendation) if recommendation else []),
        *_listed("Measured", [f"- {run.started}", *tables.about(run)]),
        *map(_figure, pictures),
        "<h2>All points</h2><p>Those on the frontier in bold.</p>",
        *_table(tables.RUN_COLUMNS, tables.rows(points), marks),
    ]
    return PAGE.format(title=escape(f"{run.command} of {run.model}"), body="\n".join(body))


def of_two(new: Run, found: Sequence[Change], differences: Sequence[str], pictures: Sequence[Picture]) -> str:
    """What is worse or better beyond noise, and whether the runs can be compared at all."""
    body = [
        f'<p class="{"doubt" if any(change.verdict == "worse" for change in found) else "answer"}">'
        f"{escape(tables.worse(found))}.</p>",
        *_listed("What else differs", differences),
        *map(_figure, pictures),
        "<h2>What both runs have</h2>",
        *_table(tables.CHANGE_COLUMNS, map(tables.changed, found), [change.verdict for change in found]),
    ]
    return PAGE.format(title=escape(f"{new.model}: two runs"), body="\n".join(body))


def _answer(found: Recommendation) -> Iterable[str]:
    limits = found.best.limits
    said = "\n".join(f"<p>{escape(sentence)}</p>" for sentence in _sentences(found))
    yield f'<div class="answer"><h2>Recommended: {escape(shown(limits))}</h2>\n{said}'
    for title, lines in (
        ("Environment", advice.environment(limits)),
        ("Flags", [advice.flags(limits)]),
        ("ConfigMap", advice.config_map(limits)),
    ):
        yield f"<p>{title}</p><pre>{escape(chr(10).join(lines))}</pre>"
    yield "</div>"
    if doubts := list(dict.fromkeys([*found.doubts, *found.best.doubts])):
        yield f'<p class="doubt">Not to be trusted: {escape("; ".join(doubts))}.</p>'


def _sentences(found: Recommendation) -> Iterable[str]:
    yield f"{found.verdict[:1].upper()}{found.verdict[1:]}."
    yield advice.carried(found)
    if found.runner_up:
        yield f"Runner-up: {shown(found.runner_up.limits)}, {rounded(found.runner_up.rate)} requests/s."
    if found.best.predicted is not None:
        yield f"Predicted from what batches cost: {rounded(found.best.predicted)} requests/s."
    if found.fit:
        yield f"A batch costs {advice.cost(found.fit)}."


def _listed(title: str, lines: Sequence[str]) -> Iterable[str]:
    if lines:
        items = "".join(f"<li>{escape(line.removeprefix('- '))}</li>" for line in lines)
        yield f"<h2>{title}</h2><ul>{items}</ul>"


def _figure(picture: Picture) -> str:
    source = f"data:image/png;base64,{b64encode(picture.png).decode()}"
    reading = escape(picture.reading)
    return f'<figure><img alt="{escape(picture.name)}" src="{source}"><figcaption>{reading}</figcaption></figure>'


def _table(columns: str, rows: Iterable[Sequence[str]], marks: Sequence[str]) -> Iterable[str]:
    """`marks`: the class of each row, or ""."""
    yield '<div class="scroll"><table>'
    yield f"<tr>{''.join(f'<th>{escape(column)}</th>' for column in columns.split('|'))}</tr>"
    for row, mark in zip(rows, marks, strict=True):
        yield f'<tr class="{mark}">{"".join(f"<td>{escape(cell)}</td>" for cell in row)}</tr>'
    yield "</table></div>"
