"""`python -m tests.gpu`: what only a card can show, in eight minutes at most. Each part is a process of its own, since
a failed CUDA context poisons the one that it is in.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from tests.gpu.parts import Check, Setup, Skipped
from tests.gpu.report import Outcome, as_json, is_ok, tables

USAGE_ERROR = 2
ALONE = (sys.executable, "-m", "tests.gpu", "--alone")  # one part, in a process of its own
SPARE = 5.0  # seconds that a part may take to end by itself
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`where` is module:function; `most` the seconds that it may take."""

    where: str
    most: float

    def run(self, setup: Setup) -> Iterator[Check]:
        """Its checks, each as soon as it is known. Raises `Skipped` for what cannot run here."""
        module, _, function = self.where.partition(":")
        checks: Iterator[Check] = getattr(import_module(f"tests.gpu.{module}"), function)(setup)
        return checks


PARTS: Mapping[str, Part] = {
    "card": Part(where="card:run", most=60.0),
    "demo": Part(where="answers:run", most=120.0),
    "parity": Part(where="parity:run", most=120.0),
    "encoders": Part(where="encoders:run", most=90.0),
    "pictures": Part(where="pictures:run", most=60.0),
    "waits": Part(where="waits:run", most=60.0),
    "sticky": Part(where="processes:sticky", most=90.0),
    "kill": Part(where="processes:kill", most=90.0),
    "memory": Part(where="processes:memory", most=90.0),
    "speed": Part(where="speed:run", most=240.0),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 when nothing failed, 1 when something did, 2 where it cannot begin."""
    arguments = _arguments(argv)
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print("torch sees no CUDA card here: say --device cpu --tiny to try the script itself", file=sys.stderr)
        return USAGE_ERROR
    if arguments.alone:
        return _run_alone(arguments)
    started = time.monotonic()
    outcomes = [_run(name, arguments, started) for name in arguments.parts or PARTS]
    arguments.json.write_text(json.dumps(as_json(arguments.device, outcomes, time.monotonic() - started), indent=1))
    print(f"\n{tables(outcomes)}\n\n{time.monotonic() - started:.0f} s in all; figures in {arguments.json}")
    return 0 if is_ok(outcomes) else 1


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help=f"some of {', '.join(PARTS)} [default: all]")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu [default: %(default)s]")
    parser.add_argument("--tiny", action="store_true", help="tiny shapes: to try the script, not the card")
    parser.add_argument("--seconds", type=float, default=480.0, help="for all parts together [default: %(default)s]")
    parser.add_argument("--json", type=Path, default=Path("gpu.json"), help="where figures go [default: %(default)s]")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)  # in this process: one part
    return parser.parse_args(argv)


def _run(name: str, arguments: argparse.Namespace, started: float) -> Outcome:
    """One part in a process of its own, within the time that is left."""
    left = arguments.seconds - (time.monotonic() - started)
    if left < SPARE:
        return _told(Outcome(part=name, verdict="failed", why="no time was left", seconds=0.0, checks=()))
    seconds, begun = min(PARTS[name].most, left), time.monotonic()
    command = [*ALONE, name, "--device", arguments.device, "--seconds", str(max(1.0, seconds - SPARE))]
    command += ["--tiny"] if arguments.tiny else []
    # Threads gain nothing on tiny shapes, and on a busy machine they wait for each other: three times the CPU's time.
    environ = {**os.environ, "OMP_NUM_THREADS": "1"} if arguments.tiny else None
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as errors:
        try:
            ended = subprocess.run(command, cwd=ROOT, env=environ, stdout=said, stderr=errors, timeout=seconds)
            status = ended.returncode
        except subprocess.TimeoutExpired:
            status = None
        said.seek(0)
        errors.seek(0)
        lines, last = _lines(said.read()), errors.read().strip()
    return _told(_judged(name, status, lines, last, time.monotonic() - begun))


def _lines(said: str) -> list[dict[str, Any]]:
    """What a part told, a JSON object a line; whatever a library prints besides is none."""
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def _judged(name: str, status: int | None, lines: Sequence[dict[str, Any]], last: str, seconds: float) -> Outcome:
    checks = [line for line in lines if "is_ok" in line]
    skipped = [line["skipped"] for line in lines if "skipped" in line]
    failed = [check["name"] for check in checks if not check["is_ok"]]
    if status is None:
        verdict, why = "failed", f"stopped after {seconds:.0f} s"
    elif status != 0:
        verdict, why = "failed", f"exit status {status}: {last.splitlines()[-1] if last else 'no word'}"
    elif failed:
        verdict, why = "failed", "; ".join(failed)
    elif not (checks or skipped):
        verdict, why = "failed", "it checked nothing"
    else:
        verdict, why = ("skipped", skipped[0]) if skipped else ("ok", f"{len(checks)} checks")
    if verdict == "failed":
        print(f"--- {name}\n{last[-3000:]}", file=sys.stderr)
    return Outcome(part=name, verdict=verdict, why=why.replace("|", "/"), seconds=round(seconds, 1), checks=checks)


def _told(outcome: Outcome) -> Outcome:
    print(f"{outcome.part:<9} {outcome.verdict:<8} {outcome.seconds:6.1f} s  {outcome.why}", flush=True)
    return outcome


def _run_alone(arguments: argparse.Namespace) -> int:
    """The child's side: a line for each check, as soon as it is known, so that a crash hides none of them."""
    torch.backends.cuda.matmul.allow_tf32 = False  # fp32 is compared with fp32
    with tempfile.TemporaryDirectory(prefix="jitney-gpu-") as directory:
        setup = Setup(
            device=arguments.device,
            is_tiny=arguments.tiny,
            directory=Path(directory),
            until=time.monotonic() + arguments.seconds,
        )
        try:
            for check in PARTS[arguments.parts[0]].run(setup):
                print(json.dumps(asdict(check)), flush=True)
        except Skipped as error:
            print(json.dumps({"skipped": str(error)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
