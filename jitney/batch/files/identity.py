"""What a batch is known by, so that it goes on only with the file and the options that it was begun with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jitney.batch.contract import USAGE, Stopped

LOOKED_AT = 1 << 20  # bytes at the beginning: a file of 10 GB is not read twice

Identity = Mapping[str, Any]


def of_file(path: Path) -> Identity:
    """Its size, time, and the beginning of what is in it."""
    with path.open("rb") as file:
        beginning = file.read(LOOKED_AT)
        stat = os.fstat(file.fileno())
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": hashlib.sha256(beginning).hexdigest()}


def require_same(now: Identity, then: Identity, part: Path) -> None:
    """Raises `Stopped` that names what differs."""
    different = [*_files(now, then), *_options(now["options"], then.get("options", {}))]
    if different:
        helps = f"go on as it was begun, or remove {part} and {part}.json to begin anew"
        raise Stopped(USAGE, f"{part} was begun otherwise: {'; '.join(different)}. What helps: {helps}")


def _files(now: Identity, then: Identity) -> list[str]:
    names = {"in": "IN has changed since (size, time or first MiB)", "out": "OUT has changed since"}
    return [said for name, said in names.items() if now.get(name) != then.get(name)]


def _options(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    names = [name for name in sorted({*now, *then}) if now.get(name) != then.get(name)]
    return [f"{name} was {then.get(name)!r}, now is {now.get(name)!r}" for name in names]
