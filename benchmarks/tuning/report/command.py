"""A sweep as pictures and tables; two of them beside each other, for a pull request.

python -m benchmarks report DIR          # DIR/report.html and its pictures as PNG beside it
python -m benchmarks report OLD NEW      # a Markdown table of what changed beyond noise
"""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from msgspec import DecodeError

from benchmarks.lib.arguments import parser
from benchmarks.tuning.records import Point, Run, RunDirectory
from benchmarks.tuning.report import frontier, tables

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
img {{ max-width: 100% }} pre {{ overflow-x: auto; font-size: 13px }}</style>
<h1>{title}</h1>
{pictures}
<pre>{table}</pre>
</html>
"""


class NotARun(Exception):
    """A directory holds no run that can be read; the message names it."""


def read(path: Path) -> tuple[Run, list[Point]]:
    """What a sweep left there. Raises `NotARun`."""
    try:
        directory = RunDirectory(path)
        return directory.read(), directory.points()
    except OSError as error:
        remedy = "make one: python -m benchmarks sweep --out DIR"
        raise NotARun(f"{path} holds no run ({error.strerror}); {remedy}") from error
    except DecodeError as error:
        raise NotARun(f"{path} holds a run that cannot be read: {error}") from error


def page(run: Run, table: Sequence[str], pictures: Mapping[str, bytes]) -> str:
    """One file that needs no other."""
    images = [
        f'<img alt="{escape(name)}" src="data:image/png;base64,{b64encode(png).decode()}">'
        for name, png in pictures.items()
    ]
    title = f"{run.command} of {run.model}"
    return PAGE.format(title=escape(title), pictures="\n".join(images), table=escape("\n".join(table)))


def write(path: Path) -> list[str]:
    """The page and its pictures, beside the points; the table. Raises `NotARun`."""
    from benchmarks.tuning.report.pictures import heat_maps, throughput_against_p99  # late: a comparison needs none

    run, points = read(path)
    if not points:
        raise NotARun(f"{path} holds no point yet: nothing was measured")
    drawn = {"throughput": throughput_against_p99(run, points), "heat": heat_maps(points)}
    pictures = {name: png for name, png in drawn.items() if png is not None}
    table = tables.of_run(run, points)
    for name, png in pictures.items():
        (path / f"{name}.png").write_bytes(png)
    (path / "report.html").write_text(page(run, table, pictures), "utf-8")
    return table


def main(arguments: Sequence[str]) -> int:
    """0 when the report was made; 1 where two runs show something worse beyond noise; 2 for what is no run."""
    command = parser("report", __doc__)
    command.add_argument("directories", metavar="DIR", type=Path, nargs="+", help="what a sweep wrote; one or two")
    directories = command.parse_args(arguments).directories
    if len(directories) > 2:
        command.error("one directory, or two to compare")
    try:
        return _report(directories)
    except NotARun as error:
        print(f"python -m benchmarks report: {error}", file=sys.stderr)
    except ImportError as error:
        print(f"python -m benchmarks report: {error}; pictures need: pip install 'jitney[bench]'", file=sys.stderr)
    return 2


def _report(directories: Sequence[Path]) -> int:
    if len(directories) == 1:
        print("\n".join(write(directories[0])))
        print(f"\n{directories[0] / 'report.html'}")
        return 0
    (_, old), (_, new) = map(read, directories)
    found = frontier.changes(old, new)
    print("\n".join(tables.of_two(found)))
    return 1 if any(change.verdict == "worse" for change in found) else 0
