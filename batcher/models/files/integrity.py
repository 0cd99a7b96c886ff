"""Whether the files of a model directory are whole, seen without reading their weights."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from batcher.models.errors import ModelSpecError

POINTER = b"version https://git-lfs.github.com/spec/"  # how Git LFS begins what stands in for a file
A_FEW = 1 << 20  # bytes of JSON that it costs nothing to read twice; a vocabulary is read by those who need it
SMALL = 1024  # bytes: no pointer is larger
INDEX = "model.safetensors.index.json"
LENGTH = 8  # bytes, little-endian, before a safetensors header: how long it is
LONGEST_HEADER = 100_000_000  # bytes, as the library has it


def check_files(paths: Iterable[Path]) -> None:
    """Raises `ModelSpecError` for a pointer that stands in for a file, for JSON that is none, and for weights that are
    not all there."""
    for path in paths:
        if path.stat().st_size <= SMALL and path.read_bytes().startswith(POINTER):
            raise ModelSpecError(f"{path} is a Git LFS pointer, not the file itself: run `git lfs pull` there")
        if path.suffix == ".safetensors":
            _check_weights(path)
        if path.suffix == ".json" and path.stat().st_size <= A_FEW:
            _check_json(path)
        if path.name == INDEX:
            _check_shards(path)


def _check_json(path: Path) -> None:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ModelSpecError(f"{path} is not JSON: {error}") from error
    if path.name == "config.json" and not content and any(path.parent.glob("*.safetensors")):
        raise ModelSpecError(f"{path} says nothing, so this is no model directory")


def _check_weights(path: Path) -> None:
    """Bytes: the length of the header, the header (for each tensor where it lies), the tensors."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH), "little")
        header = file.read(length) if length <= min(size, LONGEST_HEADER) else b""
    try:
        tensors = json.loads(header)
        ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__"]
        whole = LENGTH + length + max(ends, default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ModelSpecError(f"{path} ({size} bytes) is no safetensors file, or only the beginning of one") from error
    if size != whole:
        raise ModelSpecError(f"{path} has {size} bytes and should have {whole}: fetch it again")


def _check_shards(index: Path) -> None:
    try:
        shards = set(json.loads(index.read_bytes())["weight_map"].values())
        missing = sorted(shard for shard in shards if not (index.parent / shard).is_file())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelSpecError(f"{index} is no index of weights") from error
    if missing and not (index.parent / "model.safetensors").is_file():
        raise ModelSpecError(f"{index.parent} lacks {missing[0]}, which {INDEX} names: fetch it again")
