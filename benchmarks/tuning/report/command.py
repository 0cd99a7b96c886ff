"""A sweep or a tuning as pictures and tables; two of them beside each other, for a pull request.

python -m benchmarks report DIR          # DIR/report.html and its pictures as PNG beside it
python -m benchmarks report OLD NEW      # a Markdown table of what changed beyond noise; NEW/comparison.html

Needs no server. Pictures are drawn with matplotlib: pip install 'jitney[bench]'.
Status 0: made; 1: something is worse beyond noise; 2: a directory cannot be read or written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.lib.arguments import parser
from benchmarks.tuning.records import Point, Recommendation, Run, RunDirectory
from benchmarks.tuning.report import facts, page, tables
from benchmarks.tuning.report.frontier import changes
from benchmarks.tuning.report.page import Picture

REMEDY = "pictures need matplotlib: pip install 'jitney[bench]'"


class NotARun(Exception):
    """A directory holds no run that can be read; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a directory holds."""

    run: Run
    points: Sequence[Point]
    recommendation: Recommendation | None


def read(path: Path) -> Held:
    """What a sweep or a tuning left there. Raises `NotARun`."""
    directory = RunDirectory(path)
    try:
        return Held(run=directory.read(), points=directory.points(), recommendation=directory.recommendation())
    except OSError as error:
        remedy = "make one: python -m benchmarks sweep --out DIR"
        raise NotARun(f"{path} holds no run ({error.strerror}); {remedy}") from error
    except msgspec.DecodeError as error:
        raise NotARun(f"{path} holds a run that cannot be read: {error}") from error


def main(arguments: Sequence[str]) -> int:
    """0 when the report was made; 1 where two runs show something worse beyond noise; 2 for what is no run."""
    command = parser("report", __doc__)
    command.add_argument("directories", metavar="DIR", type=Path, nargs="+", help="what was written; one, or two")
    command.add_argument("--json", action="store_true", help="print what is drawn as JSON instead of a table")
    asked = command.parse_args(arguments)
    if len(asked.directories) > 2:
        command.error("one directory, or two to compare")
    try:
        return _of_one(asked) if len(asked.directories) == 1 else _of_two(asked)
    except (NotARun, OSError) as error:
        print(f"python -m benchmarks report: {error}", file=sys.stderr)
    except ImportError as error:
        print(f"python -m benchmarks report: {error}; {REMEDY}", file=sys.stderr)
    return 2


def _of_one(asked: argparse.Namespace) -> int:
    from benchmarks.tuning.report import album  # late: without matplotlib two runs can be compared all the same

    (path,) = asked.directories
    held = read(path)
    if not held.points:
        raise NotARun(f"{path} holds no point yet: nothing was measured")
    pictures = album.of_run(held.run, held.points, held.recommendation)
    _write(path / "report.html", page.of_run(held.run, held.points, held.recommendation, pictures), pictures)
    if asked.json:
        print(msgspec.json.encode(facts.of_run(held.points, held.recommendation)).decode())
    else:
        print("\n".join(tables.of_run(held.run, held.points)))
    return 0


def _of_two(asked: argparse.Namespace) -> int:
    old, new = map(read, asked.directories)
    found, differences = changes(old.points, new.points), tables.differing(old.run, new.run)
    if asked.json:
        print(msgspec.json.encode(facts.of_two(found, differences)).decode())
    else:
        print("\n".join(tables.of_two(found, differences)))
    try:
        from benchmarks.tuning.report import album

        before, after = (path.resolve().name for path in asked.directories)
        pictures = album.of_two(f"{new.run.model}: {before} and {after}", found, new.run.slo_p99)
        _write(asked.directories[1] / "comparison.html", page.of_two(new.run, found, differences, pictures), pictures)
    except ImportError as error:
        print(f"no page beside the table: {error}; {REMEDY}", file=sys.stderr)
    return 1 if any(change.verdict == "worse" for change in found) else 0


def _write(file: Path, text: str, pictures: Sequence[Picture]) -> None:
    """The page, and its pictures beside it."""
    for picture in pictures:
        (file.parent / f"{picture.name}.png").write_bytes(picture.png)
    file.write_text(text, "utf-8")
    print(f"{file}", file=sys.stderr)
