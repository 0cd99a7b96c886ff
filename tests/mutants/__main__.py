"""`python -m tests.mutants`: seeded mutants, held against the unit and contract tests that meet their lines."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.mutations import Mutation, mutations
from tests.mutants.runs import ROOT, TESTS, Mutant, TestMap, Tree, measured
from tests.mutants.subjects import EQUIVALENT, SUBJECTS

ASKED = 0.92  # of the mutants that are not equivalent die


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 when enough mutants die, 1 when not."""
    asked = _arguments(arguments)
    chosen = choose(asked.seed, asked.mutants, asked.subject or list(SUBJECTS))
    with tempfile.TemporaryDirectory(prefix="jitney-mutants-") as folder:
        print(f"{len(chosen)} mutants, seed {asked.seed}; first the tests alone: which meets which line?", flush=True)
        is_kept = asked.map and asked.map.exists()
        tests = TestMap.load(asked.map) if is_kept else measured(Path(folder), asked.tests or TESTS)
        if asked.map:
            tests.save(asked.map)
        survivors = hold(chosen, tests, Path(folder), asked.jobs)
    return report(chosen, survivors)


def choose(seed: int, count: int, subjects: Sequence[str]) -> list[Mutant]:
    """As many of each subject as there are, up to its part of `count`; the same for the same seed and source."""
    chooser, found = random.Random(seed), []
    for number, subject in enumerate(subjects):
        part = (count * (number + 1)) // len(subjects) - (count * number) // len(subjects)
        all_of_it = [Mutant(subject, path, each) for path in SUBJECTS[subject] for each in _of(path)]
        found += chooser.sample(all_of_it, min(part, len(all_of_it)))
    return found


def _of(path: str) -> Iterable[Mutation]:
    return mutations((ROOT / path).read_bytes())


def hold(chosen: Sequence[Mutant], tests: TestMap, folder: Path, jobs: int) -> list[Mutant]:
    """Those that no test notices."""
    trees: SimpleQueue[Tree] = SimpleQueue()
    for number in range(jobs):
        trees.put(Tree(folder / f"tree-{number}"))
    survivors: list[Mutant] = []

    def one(numbered: tuple[int, Mutant]) -> None:
        number, mutant = numbered
        tree = trees.get()
        try:
            end = tree.end_of(mutant, tests)
        finally:
            trees.put(tree)
        if end == "survives" and mutant.key not in EQUIVALENT:
            survivors.append(mutant)
        end = "is equivalent" if end == "survives" and mutant.key in EQUIVALENT else end
        print(f"{number}/{len(chosen)} {mutant} {end}", flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, enumerate(chosen, start=1)))
    return survivors


def report(chosen: Sequence[Mutant], survivors: Sequence[Mutant]) -> int:
    counted = [mutant for mutant in chosen if mutant.key not in EQUIVALENT]
    all_of, left_of = Counter(one.subject for one in counted), Counter(one.subject for one in survivors)
    print("\n| subject | mutants | die |\n| --- | --- | --- |")
    for subject, there_are in all_of.items():
        print(f"| {subject} | {there_are} | {there_are - left_of[subject]} |")
    share = 1 - len(survivors) / max(1, len(counted))
    print(f"| all | {len(counted)} | {len(counted) - len(survivors)}: {share:.1%}, asked are {ASKED:.0%} |\n")
    for survivor in survivors:
        print(f"survives: {survivor}\n  - {survivor.key[1]}\n  + {survivor.key[2]}")
    return 0 if share >= ASKED else 1


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=9, help="which mutants are chosen [default: 9]")
    parser.add_argument("--mutants", type=int, default=200, help="how many [default: 200]")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once [default: 2]")
    parser.add_argument("--subject", action="append", choices=list(SUBJECTS), help="only of this one; may be repeated")
    parser.add_argument("--tests", action="append", help=f"held against these alone [default: {' '.join(TESTS)}]")
    parser.add_argument("--map", type=Path, help="keeps which test meets which line, while nothing is edited")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
