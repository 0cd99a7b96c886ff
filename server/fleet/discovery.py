"""The task that asks the broker, again and again: which models live, and has it lost its data?"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from broker.common.diagnosis import Diagnosis, diagnose
from broker.contract import FrontEndBroker
from broker.errors import BrokerError, BrokerUnavailable
from broker.messages import Fleet
from server.callers.known_keys import BrokerKeys
from server.fleet.codec_cache import CodecCache
from server.fleet.directory import Directory
from server.fleet.name_conflicts import differences
from server.requests.breaker import CircuitBreaker
from server.requests.pending import PendingRequests
from server.requests.reencoding import Reencoder
from server.requests.request import PendingRequest

log = structlog.get_logger("server.fleet.discovery")

PERIOD = 0.5  # seconds between looks
CODEC_WAIT = 0.1  # seconds that a look waits for codecs: most are made by then, so a new model can be called at once
FAILURES = 2  # looks that fail in a row open the circuit breaker
ANOTHER_NAME = "two models need two names: start one of them with another --name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A broker that cannot be reached."""

    since: float  # seconds, our clock
    why: Diagnosis


class Discovery:
    """Keeps the directory. Closes the circuit breaker when the broker answers."""

    def __init__(
        self,
        pending: PendingRequests,
        breaker: CircuitBreaker,
        reencoder: Reencoder,
        codec_cache: CodecCache,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        address: str = "",
        defaults: Mapping[str, str] | None = None,
        keys: BrokerKeys | None = None,
    ) -> None:
        self._pending = pending
        self._breaker = breaker
        self._reencoder = reencoder
        self._codec_cache = codec_cache
        self._clock = clock
        self._sleep = sleep
        self._address = address  # the broker's, without a password
        self._keys = keys  # None: nobody is asked for one, or they lie in a file
        self._epoch = ""
        self._failures = 0
        self.overflows: dict[tuple[str, ...], int] = defaultdict(int)  # by model and revision: requests passed on
        self.directory = Directory(fixed=defaults or {})
        self.has_met_broker = False
        self._met = asyncio.Event()  # set by each look
        self.absence: Absence | None = None
        self.ticked = clock()  # when a look last ended, well or not

    @property
    def epoch(self) -> str:
        """Of the broker's memory, at the last look."""
        return self._epoch

    async def run(self, broker: FrontEndBroker) -> None:
        """Look after look, for ever."""
        try:
            while True:
                await self.try_to_look(broker)
                self.ticked = self._clock()
                await self._sleep(PERIOD)
        finally:
            self._reencoder.stop()

    async def wait_until_met(self, limit: float) -> None:
        """Wait for the first look that succeeds, and until one has found the codecs ready of all that lives: at most so
        many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._met.wait()
                while any(one.status == "loading" for one in self.directory.listed.values()):
                    self._met.clear()
                    await self._met.wait()

    async def try_to_look(self, broker: FrontEndBroker) -> None:
        """One look; when several fail in a row the circuit breaker opens."""
        try:
            await self._look_again(broker)
        except BrokerError as error:
            self._failures += 1
            why = self.note_absence(error)
            if self._failures == 1:  # /readyz says so already, and not why
                log.info("broker missed", task="discovery", reason=str(why))
            if self._failures >= FAILURES and not self._breaker.is_open:
                log.warning("broker lost", task="discovery", reason=str(why))
                self._breaker.open()

    async def _look_again(self, broker: FrontEndBroker) -> None:
        """A broken connection says little about the broker: on a new one it may answer at once."""
        began = self._clock()
        try:
            await self.look(broker)
        except BrokerUnavailable:
            if self._clock() - began > PERIOD:  # it did not break, it was silent
                raise
            await self.look(broker)

    def passes_on(self, request: PendingRequest) -> bool:
        """Its revision had no room for it: another one gets it, where an operator has shared out the model's requests.
        What each is given is an aim, and no caller is refused for its sake."""
        full = (*request.full, request.served.card.revision)
        other = self.directory.overflow(request.served.card.name, full)
        if other is None or not request.is_awaited:
            return False
        self.overflows[request.served.card.name, full[-1]] += 1
        request.full, request.may_be_queued, request.charged = full, False, ""
        self._reencoder.start(request, other)
        return True

    def note_absence(self, error: BrokerError) -> Diagnosis:
        """The broker cannot be reached. Returns the most likely reason."""
        since = self.absence.since if self.absence else self._clock()
        self.absence = Absence(since=since, why=diagnose(error, self._address))
        return self.absence.why

    async def look(self, broker: FrontEndBroker) -> None:
        """See what there is, and act on it. Raises `BrokerError`."""
        if self._keys is not None:
            await self._keys.look(broker)
        fleet = await broker.look()
        if self._epoch and fleet.epoch != self._epoch:
            fleet = await self._with_traffic(broker, fleet)
        live = [one.card for one in fleet.announcements if one.batchers]
        self._codec_cache.want(live)
        await self._codec_cache.wait_until_ready(CODEC_WAIT)
        codecs = self._codec_cache.codecs
        before, self.directory = self.directory, self.directory.updated(fleet, codecs, self._clock())
        self._log_conflicts(before)
        self._note_presence()
        is_new_epoch = self._note_epoch(fleet.epoch)
        await self._reencoder.reencode_orphans(self.directory.successor)
        await self._settle_defaults(broker, before if is_new_epoch else self.directory, fleet, again=is_new_epoch)

    def _note_presence(self) -> None:
        if self._breaker.is_open:
            log.info("broker met" if not self.has_met_broker else "broker is back")
        self._failures = 0
        self.absence = None
        self.has_met_broker = True
        self._met.set()
        self._breaker.close()

    def _note_epoch(self, epoch: str) -> bool:
        """Another epoch means that the broker came back empty: what waits has to be brought to it again."""
        is_new_epoch = bool(self._epoch) and epoch != self._epoch
        if is_new_epoch:
            log.warning("broker came back empty", waiting=len(self._pending))
            self._pending.push_again()
        self._epoch = epoch
        return is_new_epoch

    async def _settle_defaults(self, broker: FrontEndBroker, known: Directory, fleet: Fleet, *, again: bool) -> None:
        """Have the broker keep which model answers for a task. Where it came back empty, a front end that had just
        started may have told it another: that is overwritten."""
        for task, name in known.defaults.items():
            if fleet.defaults.get(task) != name and task not in known.fixed:
                await broker.settle_default(task, name, again=again)

    async def _with_traffic(self, broker: FrontEndBroker, fleet: Fleet) -> Fleet:
        """A broker that came back empty keeps the shares again that it had: nobody has taken them back."""
        lost = {name: one for name, one in self.directory.traffic.items() if name not in fleet.traffic}
        for name, traffic in lost.items():
            await broker.restore_traffic(name, traffic)
        return replace(fleet, traffic={**lost, **fleet.traffic})

    def _log_conflicts(self, before: Directory) -> None:
        """A line for each name that two models claim, once, when it is first seen."""
        now, known = self.directory, {card.key for card in before.turned_away}
        for card in now.turned_away:
            if card.key not in known:
                log.error("name taken", name=card.name, task=card.task, revision=card.revision, remedy=ANOTHER_NAME)
        for name, cards in now.rivals.items():
            if differing := before.rivals.get(name) != cards and differences(cards):
                revisions = [card.revision for card in cards]
                log.warning("models differ", name=name, revisions=revisions, differ_in=differing, remedy=ANOTHER_NAME)
