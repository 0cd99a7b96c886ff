"""A child process that is kept running: started, listened to, started again when it dies, and ended when asked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from broker.common.parent_death import parent_death_guard
from jitney.up.graces import OTHERS, grace_of
from jitney.up.plan import ChildSpec, Role
from jitney.up.screen import plain

# Exit codes: a port or a broker cannot be used (and any crash in Python); starting again will not help.
UNAVAILABLE, USAGE = 1, 2
ERROR_PREFIX = "python -m "  # begins the line in which our processes say why they end; crashes have a traceback
LAST_LINES = 6
LOADING_GRACE = 2.0  # seconds that a process which is not ready yet has to end, when its files have changed
LONGEST_LINE = 1 << 16  # bytes; a longer one is passed on in pieces
GATHER = 0.05  # seconds between two reads of a child's lines: each costs as much as thirty lines


@dataclass(slots=True, kw_only=True)
class RestartDelay:
    """How long to wait before a dead child is started again: doubling, reset by a minute of life. Seconds."""

    first: float = 0.5
    longest: float = 30.0
    reset_after: float = 60.0
    deaths: int = 0

    def after(self, lived: float) -> float:
        """The pause that follows a death at this age."""
        self.deaths = 1 if lived >= self.reset_after else self.deaths + 1
        return min(self.longest, self.first * 2.0 ** (self.deaths - 1))


class GaveUp(Exception):
    """A child cannot ever start like this; the message is its own, and so is the exit code."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


class Child:
    """One supervised process. `say` gets our lines about it, `relay` each line of its own."""

    def __init__(
        self,
        spec: ChildSpec,
        *,
        say: Callable[[str], None],
        relay: Callable[[str], None],
        delay: RestartDelay | None = None,
        grace: float | None = None,
        is_watched: bool = False,
    ) -> None:
        self.spec = spec
        self.ready = False  # set by the supervisor; a child that was ready once is never given up
        self.starts = 0
        self.trouble = ""  # why it cannot start, while it waits for a change of its files
        self._is_watched = is_watched  # somebody calls `restart` when its files change
        self._was_ready = False
        self._say = say
        self._relay = relay
        self._delay = delay or RestartDelay()
        # Seconds between SIGTERM and SIGKILL.
        self._grace = grace_of(spec.role, self._environ()) if grace is None else grace
        self._stopping = False
        self._asked = asyncio.Event()  # to end the process that runs, or not to wait any longer with the next
        self._answered = False  # the process that ended last had been ready
        self._process: asyncio.subprocess.Process | None = None
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)

    @property
    def pid(self) -> int | None:
        """None while it is not running."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def mark_ready(self) -> None:
        """It answers."""
        self.ready = self._was_ready = True

    async def run(self) -> None:
        """Keep it running until `stop` or `kill`. Raises `GaveUp` for one that never will."""
        while not self._stopping:
            self._asked.clear()
            started = time.monotonic()
            code = await self._run_once()
            if self._asked.is_set():
                self._delay.deaths = 0
            elif self._needs_change(code):
                await self._wait_for_change(code)
            elif self._can_never_start(code):
                raise GaveUp(f"{self.spec.title} cannot start: {reason(self._last_lines)}", code)
            else:
                await self._pause(code, self._delay.after(time.monotonic() - started))

    def _needs_change(self, code: int) -> bool:
        """It ended before it was ready, for what its files say; and we shall hear when they change."""
        is_no_model = code == USAGE and self.spec.role is Role.BATCHER  # others have been called wrong
        is_crash = code == UNAVAILABLE and not self._says_why()
        return self._is_watched and not self._answered and (is_no_model or is_crash)

    def _can_never_start(self, code: int) -> bool:
        """It was never ready, and says itself that something has to be changed first. A crash or a kill may not happen
        again; but without the private broker nothing can start."""
        says_why = code == UNAVAILABLE and self._says_why()
        return not self._was_ready and (code == USAGE or says_why or self.spec.role is Role.BROKER)

    def _says_why(self) -> bool:
        """A port or a broker cannot be had. A crash says something else last."""
        return bool(self._last_lines) and self._last_lines[-1].startswith(ERROR_PREFIX)

    def stop(self) -> None:
        """End it: SIGTERM now, SIGKILL after its grace. `run` returns when it is gone."""
        self._stopping = True
        self._asked.set()

    def restart(self) -> None:
        """Start it again, now: one that runs is asked to end first, as by `stop`."""
        self.trouble = ""
        self._asked.set()

    def kill(self) -> None:
        """End it and whatever it started, now."""
        self.stop()
        self._kill()

    def _kill(self) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended in this very moment
                os.killpg(self.pid, signal.SIGKILL)

    async def _run_once(self) -> int:
        self.starts += 1
        self._last_lines.clear()
        process = self._process = await asyncio.create_subprocess_exec(
            *self.spec.command,
            env=self._environ(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1,  # lines stay in the pipe, and wake nobody, until we read again
            start_new_session=True,  # Ctrl-C reaches only us: we end them in order
        )
        with parent_death_guard(process.pid, grace=5, remove=self.spec.directory):
            try:
                return await self._follow(process)
            finally:
                self._answered, self.ready = self.ready, False

    def _environ(self) -> dict[str, str]:
        metrics = {"JITNEY_METRICS_PORT": str(self.spec.metrics_port)}
        return {**self.spec.fallback, **os.environ, **self.spec.environ, **metrics}

    async def _follow(self, process: asyncio.subprocess.Process) -> int:
        listening = asyncio.create_task(self._listen(process))
        ending = asyncio.create_task(self._end_when_asked(process))
        try:
            code = await process.wait()
            await asyncio.wait([listening], timeout=2.0)  # for its last lines; a grandchild may hold the pipe open
            return code
        finally:
            listening.cancel()
            ending.cancel()
            if process.returncode is None:  # we are cancelled: nobody would end it
                self.kill()

    async def _end_when_asked(self, process: asyncio.subprocess.Process) -> None:
        await self._asked.wait()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        grace = self._grace_now()
        await asyncio.sleep(grace)
        self._say(f"{self.spec.title} did not end within {grace:g} s: killed")
        self._kill()

    def _grace_now(self) -> float:
        if self._stopping and self.ready:
            return self._grace
        # While it loads it holds nothing, and may not hear us; and a person who saved a file waits for the change.
        return min(self._grace, OTHERS if self._stopping or self.ready else LOADING_GRACE)

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        rest = b""
        while chunk := await process.stdout.read(LONGEST_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._heard(line)
            if len(chunk) < LONGEST_LINE:  # else the pipe may be full, and the child waits for us
                await asyncio.sleep(GATHER)
        if rest:
            self._heard(rest)

    def _heard(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        self._last_lines.append(text)
        self._relay(text)

    async def _pause(self, code: int, pause: float) -> None:
        again = f" ({self._delay.deaths} ends in a row)" if self._delay.deaths > 1 else ""
        self._say(f"{self.spec.title} {how_it_ended(code)}; it starts again in {pause:g} s{again}")
        if code == -signal.SIGKILL:
            self._say("    if nobody here killed it, the system did, for lack of memory: dmesg says so")
        for line in self._last_lines:
            self._say(f"    its last lines: {plain(line)}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._asked.wait()

    async def _wait_for_change(self, code: int) -> None:
        said = reason(self._last_lines) or how_it_ended(code)
        why = said if code == USAGE else said.splitlines()[-1]  # of a traceback
        self.trouble = f"{self.spec.title} cannot start: {why}"
        self._say(f"{self.trouble}; it waits for a change")
        await self._asked.wait()


def reason(lines: Iterable[str]) -> str:
    """What matters in the last lines of a command: its error, without the usage or the log that stands before it."""
    said = [plain(line) for line in lines]
    own = [at for at, line in enumerate(said) if line.startswith(ERROR_PREFIX)]
    told = "\n".join(said[own[-1] :] if own else said)
    return told.partition("error: ")[2] or (told.partition(": ")[2] if own else told)


def how_it_ended(code: int) -> str:
    """An exit code, for people."""
    if code >= 0:
        return f"ended with code {code}"
    return f"was ended by {signal.Signals(-code).name}"
