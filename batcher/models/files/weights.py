"""Where a model's files are, and which files they are: a directory, or a hub name pinned to a commit."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from batcher.models.errors import ModelSpecError

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
# What is fetched (there, * crosses folders), and what a fingerprint covers.
PATTERNS = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*/config.json")
# The same where there are no safetensors: checkpoints of before, as that of M2M100. They are pickles, of which torch
# reads nothing but tensors (`weights_only`).
OLD_PATTERNS = ("pytorch_model*.bin", "*/pytorch_model.bin")
MODULES = "modules.json"  # the folders that a sentence-transformers directory is made of
NOTES = "jitney.json"
COMMIT = re.compile(r"[0-9a-f]{40}")

Shape = TypeVar("Shape", dict[str, Any], list[Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A model directory on this machine."""

    directory: Path
    fingerprint: str  # of everything in it that can change an answer
    notes: Mapping[str, Any] = field(default_factory=dict)  # its jitney.json; `notes.py` knows its fields

    def files(self) -> Iterator[Path]:
        """Those that count."""
        return _files(self.directory)

    def read(self, name: str) -> bytes:
        """One file's bytes. Raises `ModelSpecError` where there is none."""
        path = self.directory / name
        if not path.is_file():
            raise ModelSpecError(f"{self.directory} holds no {name}, which this kind of model needs")
        return path.read_bytes()

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.directory / name).is_file()

    def inside(self, folder: str) -> Weights:
        """One folder of it; "" is the whole. Its fingerprint stays that of the whole."""
        return replace(self, directory=self.directory / folder)

    def json_object(self, name: str) -> Mapping[str, Any]:
        """The JSON object in one file; empty where there is no such file."""
        return json_object(self.directory / name)

    def json_array(self, name: str) -> Sequence[Any]:
        """The JSON array in one file; empty where there is no such file."""
        return _json(self.directory / name, list)

    def revision(self, *settings: object) -> str:
        """Twelve digits that change whenever the files or these settings do."""
        return hashlib.sha256(repr((self.fingerprint, *settings)).encode()).hexdigest()[:12]


def find_weights(where: str, revision: str | None = None, *, offline: bool = False) -> Weights:
    """The directory, or the hub's snapshot, fetched where it has to be. Raises `ModelSpecError` with a remedy."""
    path = Path(where).expanduser()
    if not path.is_dir():
        return _described(_from_hub(where, revision, offline=offline))
    if revision:
        raise ModelSpecError(f"{where} is a directory; revision= is for names on the hub")
    return _described(path)


def _described(directory: Path) -> Weights:
    try:
        return _checked(directory)
    except OSError as error:
        named = error.filename or directory
        raise ModelSpecError(f"{named} cannot be read: {error.strerror or error}") from error


def _checked(directory: Path) -> Weights:
    network = directory / next(_folders(directory), "")
    if not (network / "config.json").is_file():
        raise ModelSpecError(f"{network} holds no config.json, so it is no model directory")
    if not has_safetensors(network) and not any(network.glob(OLD_PATTERNS[0])):
        raise ModelSpecError(f"{directory} holds no weights: neither .safetensors nor pytorch_model.bin")
    return Weights(directory=directory, fingerprint=_fingerprint(directory), notes=_json(directory / NOTES, dict))


def _from_hub(where: str, revision: str | None, *, offline: bool) -> Path:
    if not HUB_NAME.fullmatch(where):
        raise ModelSpecError(f"there is no directory {where}")
    # Imported late: a model in a directory needs no hub, and says so sooner where it is missing.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    fetch = partial(snapshot_download, where, revision=revision, local_files_only=offline)
    try:
        directory = Path(fetch(allow_patterns=list(PATTERNS)))
        if not any(directory.glob("**/*.safetensors")):
            fetch(allow_patterns=list(OLD_PATTERNS))
        return directory
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise ModelSpecError(
            f"{where} is neither a directory here nor in the local cache, and the hub is out of reach: "
            f"fetch it where there is a network (hf download {where}), or name a directory"
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelSpecError(f"{where} is no directory here, and the hub does not give it: {reason}") from error


def _fingerprint(directory: Path) -> str:
    if directory.parent.name == "snapshots" and COMMIT.fullmatch(directory.name):
        return directory.name  # the hub's cache: named by commit, which covers every file in it
    total = hashlib.sha256()
    for path in _files(directory):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        total.update(path.relative_to(directory).as_posix().encode() + b"\0" + content)
    return total.hexdigest()


def _files(directory: Path) -> Iterator[Path]:
    folders = {directory, *(directory / folder for folder in _folders(directory))}
    patterns = PATTERNS if any(map(has_safetensors, folders)) else PATTERNS + OLD_PATTERNS
    found = {path for folder in folders for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return iter(sorted(found))


def has_safetensors(folder: Path) -> bool:
    return any(folder.glob("*.safetensors"))


def _folders(directory: Path) -> Iterator[str]:
    """Where modules.json puts each module, the network first; none where there is no such file."""
    for module in _json(directory / MODULES, list):
        folder = PurePosixPath(str(module.get("path", "")) if isinstance(module, dict) else "")
        if folder.is_absolute() or ".." in folder.parts:
            raise ModelSpecError(f"{directory / MODULES} names a folder outside of the directory: {folder}")
        yield folder.as_posix()


def json_object(path: Path) -> Mapping[str, Any]:
    """The JSON object in a file; empty where there is no such file."""
    return _json(path, dict)


def _json(path: Path, kind: type[Shape]) -> Shape:
    if not path.is_file():
        return kind()
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ModelSpecError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, kind):
        raise ModelSpecError(f"{path} holds no JSON {'object' if kind is dict else 'array'}")
    return content
