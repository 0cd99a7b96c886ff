"""The API keys that a front end knows: the last that could be read, from the broker or from a file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import structlog

from broker.common.throttled_log import ThrottledLog
from broker.contract import FrontEndBroker
from broker.credentials.credential import decode_all, decode_lines
from broker.errors import BrokerError, BrokerUnavailable
from server.callers.table import CallerTable

log = structlog.get_logger("server.callers")

PERIOD = 1.0  # seconds between two looks at a file
NEVER_ASKED = "the broker has not been met yet"
NONE_KEPT = "the broker keeps no keys: none has been made, or it came back empty; nobody is let in"
REMEDY = "make one by `jitney keys add NAME`, or give the broker back its data; a broker with AOF keeps them"


class KnownKeys:
    """`table` is None while it is not known whose keys are good: then nobody is let in."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.table: CallerTable | None = None
        self.complaint = NEVER_ASKED  # empty: all is well
        self.is_lost = False  # the broker was met and has none: that is for an operator to mend
        self._clock = clock
        self._seen_at: float | None = None

    @property
    def age(self) -> float | None:
        """Seconds since it was last seen that these are the keys; None before the first time."""
        return None if self._seen_at is None else self._clock() - self._seen_at

    def confirm(self) -> None:
        """They are these at this moment."""
        self._seen_at = self._clock()


class BrokerKeys(KnownKeys):
    """Those that the broker keeps."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._version: str | None = None  # of what was read last
        self._unreadable = ThrottledLog(log.error)

    async def look(self, broker: FrontEndBroker) -> None:
        """Read them where they have changed. What was read last is kept while they cannot be read. Raises
        `BrokerUnavailable`."""
        try:
            stored = await broker.credentials("" if self._version is None else self._version)
        except BrokerUnavailable:
            raise
        except BrokerError as error:
            self.complaint = "the broker does not show its keys"
            self._unreadable("keys unreadable", reason=str(error), remedy="jitney doctor --role front-end")
            return
        self._unreadable.is_over()
        if stored is not None:
            self._take(stored.version, stored.entries)
        elif self._version is None:  # never asked, and there never was one
            self._take("", {})
        self.complaint = NONE_KEPT if self.is_lost else ""
        self.confirm()

    def _take(self, version: str, entries: Mapping[str, bytes]) -> None:
        before, self._version, self.is_lost = self._version, version, not version
        found, wrong = decode_all(entries)
        for id, why in wrong.items():
            log.error("key unreadable", id=id[:80], reason=why, remedy="jitney keys revoke, and add another")
        self.table = None if self.is_lost else CallerTable(found.values())
        if self.is_lost:
            log.error("no keys", reason=NONE_KEPT, remedy=REMEDY, had_some=bool(before))
        else:
            log.info("keys read", keys=len(found), unreadable=len(wrong))


class FileKeys(KnownKeys):
    """Those of a file, as a Secret is mounted."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._seen: object = None  # what tells one state of the file from another
        self._unreadable = ThrottledLog(log.error)

    def read(self) -> None:
        """Raises `OSError`, and `ValueError` for what is none of ours."""
        seen = self._state()
        found = decode_lines(self._path.read_text("utf-8"))
        self.table, self.complaint, self._seen = CallerTable(found.values()), "", seen
        self.confirm()
        self._unreadable.is_over()
        log.info("keys read", file=str(self._path), keys=len(found))

    async def watch(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """For ever. A file that is gone or broken changes nothing, and is told of."""
        while True:
            await sleep(PERIOD)
            try:
                if self._state() == self._seen:
                    self.confirm()
                else:
                    self.read()
            except (OSError, ValueError) as error:
                self.complaint = "the file of keys cannot be read: the last ones that could be are good"
                self._unreadable("keys unreadable", file=str(self._path), reason=str(error), remedy="the last are kept")

    def _state(self) -> object:
        """Kubernetes changes where a link leads, others write the file anew or in place."""
        found = self._path.stat()
        return found.st_mtime_ns, found.st_ino, found.st_size
