"""The runs: all tests once under coverage, then for each mutant those that meet its line, in a copy of the tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import coverage

from tests.mutants.contexts import DURATIONS
from tests.mutants.mutations import Mutation

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("batcher", "broker", "server", "jitney", "history", "monitoring", "benchmarks", "demo", "docs", "tests")
COPIED = (*PACKAGES, "k8s", ".ci")
TESTS = ("tests/unit", "tests/contract")
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n0")  # contexts are of one process
LONGEST = 300.0  # seconds for one mutant: what hangs is noticed as well


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault in one file."""

    subject: str
    path: str
    mutation: Mutation

    @property
    def key(self) -> tuple[str, str, str]:
        """The file, its line as it stands, and as mutated: what names an equivalent mutant."""
        source = (ROOT / self.path).read_bytes()
        before, after = source.splitlines(), self.mutation.applied(source).splitlines()
        number = self.mutation.line - 1
        return self.path, before[number].decode().strip(), after[number].decode().strip()

    def __str__(self) -> str:
        return f"{self.path}:{self.mutation.line}"


class TestMap:
    """Which tests meet a line, quickest first."""

    __test__ = False

    def __init__(self, lines: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        self._lines = lines

    def of(self, mutant: Mutant) -> Sequence[str]:
        """Those that run its line; for a line that runs when the file is imported, those that meet the file."""
        lines = self._lines.get(mutant.path, {})
        met = lines.get(str(mutant.mutation.line), ())
        return met or list(dict.fromkeys(test for tests in lines.values() for test in tests))

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(self._lines))

    @classmethod
    def load(cls, path: Path) -> TestMap:
        return cls(json.loads(path.read_text()))


def measured(folder: Path, tests: Sequence[str] = TESTS) -> TestMap:
    """Runs these tests once. One that fails without any mutant says nothing of them, and is left out."""
    data, durations = folder / "coverage", folder / "durations.json"
    run = [sys.executable, "-m", "coverage", "run", f"--data-file={data}", *PYTEST[1:], "-p", "tests.mutants.contexts"]
    done = subprocess.run([*run, *tests], cwd=ROOT, env=_environment(ROOT, {DURATIONS: str(durations)}), check=False)
    if done.returncode not in (0, 1):
        raise SystemExit("the tests do not run without any mutant")
    seconds = json.loads(durations.read_text())
    found = coverage.CoverageData(basename=str(data))
    found.read()
    files = {file: str(Path(file).relative_to(ROOT)) for file in found.measured_files()}
    return TestMap({name: _by_line(found, file, seconds) for file, name in files.items()})


def _by_line(data: coverage.CoverageData, file: str, seconds: Mapping[str, float]) -> Mapping[str, Sequence[str]]:
    def quickest_first(tests: Sequence[str]) -> Sequence[str]:
        return sorted(seconds.keys() & tests, key=lambda test: (seconds[test], test))

    return {str(line): quickest_first(tests) for line, tests in data.contexts_by_lineno(file).items()}


class Tree:
    """A copy of the repository that one mutant at a time lives in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ROOT.iterdir():
            if file.is_file():
                shutil.copy(file, folder)

    def end_of(self, mutant: Mutant, tests: TestMap) -> str:
        """`dies` or `survives`."""
        nodes, file = tests.of(mutant), self._folder / mutant.path
        if not nodes:
            return "survives"
        source = file.read_bytes()
        file.write_bytes(mutant.mutation.applied(source))
        try:
            return "dies" if self._fails(nodes) else "survives"
        finally:
            file.write_bytes(source)

    def _fails(self, nodes: Sequence[str]) -> bool:
        chosen = self._folder / "chosen.txt"
        chosen.write_text("\n".join(nodes))
        try:
            done = subprocess.run(
                [*PYTEST, "-x", "--timeout=20", f"@{chosen}"],
                cwd=self._folder,
                env=_environment(self._folder, {}),
                capture_output=True,
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return True
        return done.returncode != 0


def _environment(folder: Path, further: Mapping[str, str]) -> Mapping[str, str]:
    # Without byte code on disk: a file that changes twice within its time stamp would be taken for the old one.
    quiet = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    return os.environ | quiet | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"} | further
