"""Which files a process is made of: a module with what it imports from beside it, or packages. Runs none of it."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from jitney.up.changes import Stamp

OURS = frozenset({"jitney", "server", "broker", "batcher", "history"})
MOST_FILES = 500  # of a module with all that it imports
LARGEST = 1 << 20  # bytes; a larger file is watched, but not read
SUFFIXES = (".py", ".lua", ".html")
NO_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)  # the last two for what is nested too deeply
INSTALLED = {"site-packages", "dist-packages"}


class Sources(Protocol):
    """Files that may come, go and change."""

    def look(self) -> dict[Path, Stamp]:
        """Those that are there now, each with a stamp that differs when its content may."""

    def lack(self) -> str:
        """Without what nothing can be started, in words; "" where it is there."""


class Packages:
    """All files of some packages."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self._directories = directories

    def look(self) -> dict[Path, Stamp]:
        return {path: stamp for path in self._files() if (stamp := stamp_of(path))}

    def lack(self) -> str:
        return ""

    def _files(self) -> Iterator[Path]:
        for directory in self._directories:
            for at, _, names in os.walk(directory):
                # What begins with a dot is an editor's.
                yield from (Path(at, name) for name in names if name.endswith(SUFFIXES) and name[0] != ".")


class Module:
    """A module, and whatever it imports that is no installed package, directly or through others of these.

    The imports are read, not asked of the process: it may not have been able to start. One whose name is only known at
    run time is not seen, and a file of data is none.
    """

    def __init__(self, name: str, roots: Sequence[Path]) -> None:
        self._name = name
        self._roots = roots  # as in sys.path
        self._imports: dict[Path, tuple[Stamp, frozenset[str]]] = {}  # as last read

    def look(self) -> dict[Path, Stamp]:
        found: dict[Path, Stamp] = {}
        names, met = [self._name], {self._name}
        while names and len(found) < MOST_FILES:
            for root, path in self._files(names.pop()):
                stamp = stamp_of(path)
                if stamp is None or path in found:
                    continue
                found[path] = stamp
                new = self._imported(path, root, stamp) - met
                met |= new
                names += sorted(new)
        return found

    def lack(self) -> str:
        at = self._name.replace(".", "/")
        own = [path for root, path in self._files(self._name) if path in (root / f"{at}.py", root / at / "__init__.py")]
        if not own:
            return f"the module {self._name} is gone"
        return "" if own[0].read_bytes().strip() else f"{own[0].name} is empty"

    def _files(self, name: str) -> list[tuple[Path, Path]]:
        """Those that an import of it runs, each with its root; none for what is installed."""
        # A model of one's own is not loaded anew because somebody works on Jitney.
        if name.partition(".")[0] in OURS:
            return []
        found = ([(root, path) for path in files_of(name, root)] for root in self._roots)
        return next(filter(None, found), [])

    def _imported(self, path: Path, root: Path, stamp: Stamp) -> frozenset[str]:
        known = self._imports.get(path)
        if known and known[0] == stamp:
            return known[1]
        try:
            package = ".".join(path.relative_to(root).parent.parts)
            names = frozenset(imports(path.read_bytes() if path.stat().st_size < LARGEST else b"", package))
        except (*NO_PYTHON, OSError):  # in the middle of a change: what it imported before
            names = known[1] if known else frozenset()
        self._imports[path] = stamp, names
        return names


def imports(source: bytes, package: str) -> Iterator[str]:
    """The names of the modules that this text of a module in `package` imports, and of some that are none."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: (1 - node.level) or None] if node.level and package else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names)


def files_of(name: str, root: Path) -> list[Path]:
    """What `import a.b.c` runs, outermost first, as far as this root has it."""
    found, at = [], root
    for part in name.split("."):
        package, module = at / part / "__init__.py", at / f"{part}.py"
        at /= part
        if os.path.isfile(package):  # pathlib's raises where a directory is closed to us
            found.append(package)
        elif os.path.isfile(module):
            return [*found, module]
        elif not os.path.isdir(at):
            break
    return found


def stamp_of(path: Path) -> Stamp | None:
    """None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino  # the last for editors that write another file and rename it


def local_roots(here: Path) -> list[Path]:
    """Where a person's own modules lie: where the processes start, and what is on the path but not installed."""
    others = [Path(text) for text in sys.path if text and Path(text) != here]
    return [here, *(path for path in others if path.is_dir() and not _is_installed(path))]


def own_packages(names: Sequence[str], here: Path) -> list[Path]:
    """The directories of these packages of Jitney's, as far as somebody may be at work on them."""
    return [found for name in names if (found := _package(name, here)) and not _is_installed(found)]


def _package(name: str, here: Path) -> Path | None:
    if (here / name / "__init__.py").is_file():  # `python -m` looks there first
        return here / name
    spec = importlib.util.find_spec(name)  # a package without a dot in its name: nothing is run
    return Path(spec.origin).parent if spec and spec.origin else None


def _is_installed(path: Path) -> bool:
    prefixes = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "scripts"))
    return bool(INSTALLED & {*path.parts}) or any(path.is_relative_to(prefix) for prefix in prefixes if prefix)
