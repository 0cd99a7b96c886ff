"""What three batches do to interactive requests that come in bursts: as plain requests, in the
bulk lane, and as files that the server works off.

    python -m benchmarks batches --out build/batches

On a stand-in card and on the demo translation, both on a Jitney of its own; the ways take turns in every round. The
directory gets batches.json, and a picture of each model (matplotlib: pip install 'jitney[bench]'). Then the front end
that runs a batch of --lines lines is killed half-way, and the output fetched from another one.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.batches import report
from benchmarks.batches.contract import GROUNDS, Bursts, Ground, NotMeasured, Run, Way
from benchmarks.batches.cost_report import kills_as_table
from benchmarks.batches.headline import measure
from benchmarks.batches.kill import Kill, kill_in_turn
from benchmarks.batches.works import FileBatch
from benchmarks.lib import machine
from benchmarks.lib.arguments import above, at_least, parser
from benchmarks.lib.stack import NotReady, open_stack
from broker.errors import BrokerUnavailable

PERIODS = 2  # that are measured in each run, after one that is not
Measured = tuple[Ground, Sequence[Run]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for."""

    grounds: Sequence[Ground]
    bursts: Bursts
    rounds: int
    out: Path | None
    kills: int
    lines: int  # of the batch that is run meanwhile


def main(arguments: Sequence[str]) -> int:
    """0 when everything could be measured, whatever the figures are."""
    asked = _asked(_read(arguments))
    try:
        measured = [(ground, _measured(asked, ground)) for ground in asked.grounds]
        kills = _killed(asked)
        if asked.out:
            _keep(asked, asked.out, measured, kills)
    except (NotReady, NotMeasured, BrokerUnavailable, OSError) as error:
        print(f"python -m benchmarks batches: {error}", file=sys.stderr)
        return 1
    print(" · ".join(machine.describe().values()))
    for ground, runs in measured:
        print("\n" + "\n".join(report.markdown(ground, asked.bursts, runs)))
    if kills:
        print("\n" + "\n".join(kills_as_table(FileBatch.title, kills)))
    return 0


def _measured(asked: Asked, ground: Ground) -> list[Run]:
    """On a stack of its own, so that no other model takes of its time."""
    runs = []
    with open_stack() as stack:
        batcher = stack.start_batcher(ground.name, ground.spec)
        front_end = stack.start_front_end("--files", str(stack.directory / "files"))
        stack.wait_until_it_answers(front_end, ground.name, ground.languages)
        for run in measure(stack, front_end, batcher, ground, asked.bursts, asked.rounds):
            print(f"{ground.name}: {run.way}", file=sys.stderr)
            runs.append(run)
    return runs


def _killed(asked: Asked) -> list[Kill]:
    if not asked.kills:
        return []
    with open_stack() as stack:
        return kill_in_turn(stack, FileBatch(), asked.kills, asked.lines, "--files", str(stack.directory / "files"))


def _keep(asked: Asked, out: Path, measured: Sequence[Measured], kills: Sequence[Kill]) -> None:
    """The figures as JSON, the last round of each model as a picture."""
    from benchmarks.batches.pictures import staircase
    from benchmarks.tuning.report.drawing import png

    out.mkdir(parents=True, exist_ok=True)
    grounds = [report.kept(ground, asked.bursts, runs) for ground, runs in measured]
    found = {"grounds": grounds, "kills": [asdict(kill) for kill in kills]}
    (out / "batches.json").write_text(json.dumps({"machine": machine.describe(), **found}) + "\n")
    for ground, runs in measured:
        (out / f"{ground.name}.png").write_bytes(png(staircase(ground, asked.bursts, runs[-len(Way) :])))


def _read(arguments: Sequence[str]) -> Namespace:
    command = parser("batches", __doc__)
    add = command.add_argument
    names = [ground.name for ground in GROUNDS]
    add("--model", choices=names, action="append", help="only this one; may be given more than once [default: all]")
    add("--rounds", type=above(0), default=2, help="times that every way is measured [default: 2]")
    add("--period", type=above(0.0), default=4.0, help="seconds of a burst and the silence after it [default: 4]")
    add("--kills", type=at_least(0), default=1, help="front ends to kill [default: 1]")
    add("--lines", type=above(1), default=10_000, help="of the batch that is run meanwhile [default: 10000]")
    add("--out", type=Path, metavar="DIR", help="write the figures and the pictures there as well")
    return command.parse_args(arguments)


def _asked(values: Namespace) -> Asked:
    return Asked(
        grounds=[ground for ground in GROUNDS if ground.name in (values.model or [ground.name])],
        bursts=Bursts(period=values.period, warm_up=values.period, duration=PERIODS * values.period),
        rounds=values.rounds,
        out=values.out,
        kills=values.kills,
        lines=values.lines,
    )
