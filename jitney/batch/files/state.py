"""The files around OUT, and the checkpoint that one of them holds."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jitney.batch.contract import USAGE, Stopped
from jitney.batch.files.identity import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The files around OUT."""

    out: Path

    @property
    def part(self) -> Path:
        return self.out.with_name(self.out.name + ".part")

    @property
    def state(self) -> Path:
        return self.out.with_name(self.out.name + ".part.json")

    @property
    def errors(self) -> Path:
        return self.out.with_name(self.out.name + ".errors.jsonl")

    @property
    def part_errors(self) -> Path:
        return self.out.with_name(self.out.name + ".part.errors.jsonl")

    def forget(self) -> None:
        """What was not finished."""
        for path in (self.part, self.part_errors, self.state):
            path.unlink(missing_ok=True)

    def forget_stream(self) -> None:
        """What a batch left that read standard input: nobody can go on with it."""
        if read_state(self.state).get("identity", {}).get("in") == "-":
            self.forget()


def read_state(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Stopped(USAGE, f"{path} is not ours: remove it, and OUT.part beside it, to begin anew") from error


def write_state(path: Path, state: Identity) -> None:
    """All of it or nothing."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(json.dumps(state).encode())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def boot() -> str:
    """Which start of which machine this is."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
