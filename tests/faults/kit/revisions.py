"""Another revision of this repository, out of its own history, to run beside this one."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.integration.processes import ROOT


def revision(commit: str, directory: Path) -> Path:
    """The root of its files, unpacked into `directory`. Skips the test where the history does not reach so far."""
    packed = directory / "revision.tar"
    command = ["git", "-C", str(ROOT), "archive", "--output", str(packed), commit]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=30.0)
    except (OSError, subprocess.SubprocessError):
        pytest.skip(f"no {commit} here: not a clone, a shallow one (git fetch --unshallow), or no git")
    with tarfile.open(packed) as archive:
        archive.extractall(directory, filter="data")
    packed.unlink()
    return directory
