"""The children of one `jitney up`, from the first start to the last end."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from functools import partial

from history.databases.place import open_database
from jitney.up.child import Child, GaveUp
from jitney.up.greeting import greeting
from jitney.up.plan import ChildSpec, Role
from jitney.up.probe import Probe
from jitney.up.reload import Reloader, Watch
from jitney.up.screen import Screen

QUICK, SLOW = 0.05, 1.0  # seconds between checks: while something is not ready, and after
REMIND_EVERY = 10.0  # seconds between two lines that say what we still wait for
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """Starts what the table says, watches it, and ends it in order."""

    def __init__(self, table: Sequence[ChildSpec], probe: Probe, screen: Screen, watches: Sequence[Watch] = ()) -> None:
        self._probe = probe
        self._screen = screen
        self._watches = watches
        self._children = [self._child(spec) for spec in table]
        self._broker_ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._ending = False
        self._killed = False
        self.given_up: dict[Child, GaveUp] = {}  # those that cannot start, while others serve

    def _child(self, spec: ChildSpec) -> Child:
        # Nobody needs the banner and the kernel advice of a private broker; its last lines are shown when it dies.
        relay = _ignore if spec.role is Role.BROKER else partial(self._screen.relay, spec.title)
        is_watched = any(spec.title in watch.titles for watch in self._watches)
        return Child(spec, say=self._screen.say, relay=relay, is_watched=is_watched)

    async def run(self) -> bool:
        """Serve until asked to end; False if it took two askings. Raises `GaveUp` where nothing is left to serve."""
        self._listen_to_signals()
        running = {child: asyncio.create_task(self._run(child)) for child in self._children}
        watching = [asyncio.create_task(self._watch())]
        if self._watches:
            reloader = Reloader(self._watches, self._children, self._screen.say)
            watching.append(asyncio.create_task(reloader.run()))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            # A child's task ends by itself only when it gave up, and watching only by a bug of ours.
            await asyncio.wait([stopping, *watching, *running.values()], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (stopping, *watching):
                task.cancel()
            await self._end(running)
        for task in (*running.values(), *watching):
            if task.done() and not task.cancelled():
                task.result()
        return not self._killed

    def _listen_to_signals(self) -> None:
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup means it
                asyncio.get_running_loop().add_signal_handler(number, self.end)

    async def _run(self, child: Child) -> None:
        if child.spec.role is not Role.BROKER:
            await self._broker_ready.wait()
        if self._ending:
            return
        try:
            await child.run()
        except GaveUp as error:
            self.given_up[child] = error
            if child.spec.role is not Role.HISTORY and self._is_last(child.spec.role):
                raise
            self._screen.complain(f"{error}; the others go on without it")
            await self._stopping.wait()

    def _is_last(self, role: Role) -> bool:
        return all(child in self.given_up for child in self._children if child.spec.role is role)

    def end(self) -> None:
        """Once: everything ends in order, and `run` returns. Twice: everything is killed."""
        if not self._stopping.is_set():
            self._screen.say("ending: front ends, then batchers, then the broker; Ctrl-C again kills")
            self._stopping.set()
            return
        self._killed = True
        for child in self._children:
            child.kill()

    async def _end(self, running: dict[Child, asyncio.Task[None]]) -> None:
        self._ending = True
        self._stopping.set()
        self._broker_ready.set()  # whoever still waited for it need not start any more
        for role in Role:
            ending = [child for child in running if child.spec.role is role]
            for child in ending:
                child.stop()
            await asyncio.gather(*(running[child] for child in ending), return_exceptions=True)

    async def _watch(self) -> None:
        greeted, remind_at = False, time.monotonic() + REMIND_EVERY
        while True:
            waiting = await self._check_ready()
            if not waiting and not greeted:
                await self._greet()
                greeted = True
            is_due = time.monotonic() > remind_at
            if waiting and is_due:
                self._screen.say(f"still waiting for {', '.join(waiting)}")
            if is_due or not waiting:
                remind_at = time.monotonic() + REMIND_EVERY
            await asyncio.sleep(QUICK if waiting else SLOW)

    async def _check_ready(self) -> list[str]:
        """Find out who has become ready; the titles of those who have not."""
        for child in self._children:
            starts = child.starts
            if child.pid is None or child.ready or not await self._probe.is_ready(child.spec):
                continue
            if child.starts == starts:  # it has not died in the meantime
                child.mark_ready()
                self._screen.say(f"{child.spec.title} ready")
        if all(child.ready for child in self._children if child.spec.role is Role.BROKER):
            self._broker_ready.set()
        idle = [child for child in self._children if child.trouble or child in self.given_up]
        return [child.spec.title for child in self._children if not (child.ready or child in idle)]

    async def _greet(self) -> None:
        live = {model["name"]: model for model in await self._probe.live_models()}
        ours = [live[name] for name in dict.fromkeys(child.spec.model for child in self._children) if name in live]
        measured = [child.spec for child in self._children if child.spec.metrics_port]
        metrics = {spec.title: self._probe.metrics_url(spec) for spec in measured}
        is_private = any(child.spec.role is Role.BROKER for child in self._children)
        broker = self._probe.redis_url if is_private else ""  # another's URL may hold a password
        has_keys, history = self._probe.has_keys, self._history()
        self._screen.show(greeting(self._probe.url, ours, metrics, broker, has_keys=has_keys, history=history))
        troubles = [child.trouble for child in self._children if child.trouble]
        for reason in [*map(str, self.given_up.values()), *troubles]:
            self._screen.complain(f"not served: {reason}")

    def _history(self) -> str:
        """Where it is kept, for people; "" where it is not."""
        writers = [child.spec for child in self._children if child.spec.role is Role.HISTORY]
        return open_database(writers[0].environ["JITNEY_HISTORY_DATABASE"]).name if writers else ""


def _ignore(line: str) -> None:
    """Shows nothing."""
