"""The tree stays one that a stranger finds their way in: short test files, and folders that the eye takes in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("jitney", "server", "broker", "batcher", "history", "benchmarks")
MOST_LINES = 350  # of a file of tests
MOST_FILES = 14  # of a package's folder: a dozen, and room for one that comes before the folder is split


def test_no_file_of_tests_is_too_long_to_have_one_subject() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in (ROOT / "tests").rglob("*.py")}

    assert lengths
    assert {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_folder_of_a_package_holds_more_files_than_the_eye_takes_in() -> None:
    files = Counter(path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

    assert files
    assert {str(folder.relative_to(ROOT)): count for folder, count in files.items() if count > MOST_FILES} == {}
