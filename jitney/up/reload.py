"""`jitney up --reload`: what a change of files concerns is started again, and nothing else."""

from __future__ import annotations

import ast
import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jitney.up.changes import Changes
from jitney.up.child import Child
from jitney.up.plan import ChildSpec, Role
from jitney.up.sources import NO_PYTHON, Module, Packages, Sources, local_roots, own_packages

# We look, rather than let a library tell us of file events: there are some hundred files at most, a look takes
# milliseconds, and it works on shared and mounted directories too, where events do not arrive.
EVERY = 0.3  # seconds between two looks
POLL = 0.05  # seconds between two questions whether a process has started
TURN = 30.0  # seconds that one process has to become ready before the next of its kind is started again


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What changed, and what speaks against starting anything with it, if anything does."""

    what: str
    objection: str


class Watch:
    """Some files, and the processes that have loaded them."""

    def __init__(self, sources: Sources, titles: Iterable[str], *, here: Path) -> None:
        self.titles = frozenset(titles)  # none: those that cannot be started again for it
        self._sources = sources
        self._here = here
        seen = sources.look()
        self.count = len(seen)  # of files
        self._changes = Changes(seen)

    def look(self) -> Change | None:
        """What is new since the last look."""
        seen = self._sources.look()
        changed = self._changes.see(seen)
        if not changed:
            return None
        there = [path for path in changed if path in seen]
        return Change(what=self._named(there or changed), objection=self._objection(there, changed))

    def acted(self) -> None:
        """The processes are started again with it."""
        self._changes.acted()

    def _named(self, paths: Sequence[Path]) -> str:
        return self._shown(paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._here) if path.is_relative_to(self._here) else path)

    def _objection(self, there: Sequence[Path], changed: Sequence[Path]) -> str:
        try:
            if lack := self._sources.lack():
                return lack
            if not there:  # it may come back, and what has loaded it does not need it
                return f"{self._named(changed)} is gone"
            return next((f"{self._shown(path)}{fault}" for path in there if (fault := fault_of(path))), "")
        except OSError as error:
            return f"{error.filename} cannot be read: {error.strerror}"


def fault_of(path: Path) -> str:
    """Why this file is no Python, with the line; "" where it is, and for files that need not be."""
    if path.suffix != ".py":
        return ""
    try:
        ast.parse(path.read_bytes())
    except SyntaxError as error:
        return f"{f', line {error.lineno}' if error.lineno else ''}: {error.msg}"
    except NO_PYTHON as error:
        return f": {error}" if isinstance(error, ValueError) else ": nested too deeply"
    return ""


def watches_of(table: Sequence[ChildSpec], here: Path) -> list[Watch]:
    """Who is started again for what. A model that comes from files of weights is started again for nothing."""
    own: dict[tuple[str, str], list[str]] = {}
    for spec in table:
        if spec.module:
            own.setdefault((spec.module, spec.model), []).append(spec.title)
    roots = local_roots(here)
    models = [Watch(Module(module, roots), titles, here=here) for (module, _), titles in own.items()]
    front_ends = [spec.title for spec in table if spec.role is Role.FRONT_END]
    return [
        *models,
        Watch(Packages(own_packages(("server", "broker", "history"), here)), front_ends, here=here),
        # Nobody waits for a large model because of a line in Jitney itself: what concerns batchers is only said.
        Watch(Packages(own_packages(("batcher", "broker"), here)), [], here=here),
    ]


class Reloader:
    """Looks again and again, and starts again what a change concerns."""

    def __init__(self, watches: Sequence[Watch], children: Sequence[Child], say: Callable[[str], None]) -> None:
        self._watches = watches
        self._children = children
        self._say = say

    async def run(self) -> None:
        """Until it is cancelled."""
        await asyncio.gather(*(self._follow(watch) for watch in self._watches))

    async def _follow(self, watch: Watch) -> None:
        while True:
            await asyncio.sleep(EVERY)
            change = await asyncio.to_thread(watch.look)
            if change is not None:
                await self._act(watch, change)

    async def _act(self, watch: Watch, change: Change) -> None:
        children = [child for child in self._children if child.spec.title in watch.titles]
        if not children:
            self._say(f"{change.what} changed; batchers go on with what they have loaded: end this and start it again")
        elif change.objection:
            for child in children:
                self._say(f"{child.spec.title} {'waits' if child.trouble else 'goes on as it is'}: {change.objection}")
        else:
            watch.acted()
            await self._start_again(children, change.what)

    async def _start_again(self, children: Sequence[Child], what: str) -> None:
        """One after the other, so that those of a kind answer for each other; none after one that cannot start."""
        for child in children:
            starts = child.starts
            self._say(f"{child.spec.title}: {what} changed; it starts again")
            child.restart()
            if child is not children[-1] and not await _started(child, starts):
                return


async def _started(child: Child, before: int) -> bool:
    """Whether it can be started; it is ready by then, unless that takes too long to wait for."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TURN):
            while not (child.trouble or (child.ready and child.starts > before)):
                await asyncio.sleep(POLL)
    return not child.trouble
