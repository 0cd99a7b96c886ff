"""Sends the webhooks that are due, whichever front end ran their predictions: a few at once, at least once each.

The broker keeps when each is due. Whoever takes one up has it for 20 s, so what a front end that dies had in hand is
sent by another.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import structlog

from broker.predictions.contract import Hook, HookTry, Prediction, PredictionBroker
from server.batches.kept import PREFIX
from server.errors import Problem
from server.front_end import FrontEnd
from server.predictions.keeper import Keeper, shown
from server.predictions.stored import Stored, request_from
from server.webhooks.addresses import Network, networks_in
from server.webhooks.delivery import Delivery
from server.webhooks.events import event_id, of_prediction
from server.webhooks.receiver import Receiver, receiver_from
from server.webhooks.schedule import Fate, Reply, after
from server.webhooks.signature import headers

log = structlog.get_logger("server.webhooks")

MOST_AT_ONCE = 16  # tries that one front end makes at once
NO_HOST = "–"
LOOK = 1.0  # seconds between two looks for what is due

Deliver = Callable[[Receiver, Mapping[str, str], bytes], Awaitable[Reply]]


class Sender:
    """Takes what is due and sends it, for ever."""

    def __init__(self, front_end: FrontEnd, allowed: Sequence[Network], deliver: Deliver) -> None:
        self._front_end = front_end
        self._keeper: Keeper = front_end.tasks.predictions
        self._allowed = allowed
        self._deliver = deliver
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            while True:
                if await self.turn() and self._sending:
                    await asyncio.wait(self._sending, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
                else:
                    await asyncio.sleep(LOOK)
        finally:
            for task in self._sending:
                task.cancel()  # the lease ends by itself

    async def turn(self) -> bool:
        """Begin to send what is due, as far as there is room. Whether there may be more than that."""
        if self._keeper.is_ending:
            return False
        room = MOST_AT_ONCE - len(self._sending)
        if not room:
            return True
        try:
            due = await self._keeper.ask(partial(_take, room))
        except Problem:  # the broker is away
            return False
        for hook in due:
            task = asyncio.create_task(self._send(hook))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return len(due) == room

    async def _send(self, hook: Hook) -> None:
        who: Mapping[str, str] = {}
        try:
            prediction = await self._keeper.ask(partial(_read, hook.id))
            if prediction is not None:
                stored = request_from(prediction.request)
                who = stored.identity
                await self._tell(hook, prediction, stored)
        except Problem as problem:  # it is sent again
            log.warning("webhook not settled", prediction=shown(hook.id), **who, code=problem.code)
        except Exception:
            log.exception("webhook crashed", prediction=shown(hook.id), **who)

    def _receiver(self, stored: Stored) -> Receiver | None:
        """None for one that was taken by a front end that allows more."""
        try:
            return receiver_from(stored.webhook, self._allowed)
        except Problem:
            return None

    async def _event(self, prediction: Prediction) -> tuple[str, bytes] | None:
        """Its id and its body; None where there is none any more."""
        if not prediction.id.startswith(PREFIX):
            return of_prediction(prediction)
        body = await self._keeper.ask(lambda broker: broker.result(prediction.id, prediction.owner))
        return None if body is None else (event_id(prediction.id), body)

    async def _reply(self, receiver: Receiver, stored: Stored, id: str, body: bytes) -> Reply:
        signed = headers(id, body, time.time(), self._front_end.webhook_secrets)
        return await self._deliver(receiver, signed | stored.trace, body)

    async def _tell(self, hook: Hook, prediction: Prediction, stored: Stored) -> None:
        event = await self._event(prediction)
        if event is None:
            return
        receiver = self._receiver(stored)
        reply = Reply(is_refused=True) if receiver is None else await self._reply(receiver, stored, *event)
        fate, wait = after(reply, hook.tries, prediction.expires - prediction.now, random.uniform(1.0, 1.1))
        host, id = NO_HOST if receiver is None else receiver.host, shown(hook.id)
        tried = HookTry(prediction=id, host=host, status=reply.status, tries=hook.tries, fate=str(fate))
        await self._keeper.ask(partial(_settle, hook.id, wait, tried))
        self._front_end.metrics.webhooks[(str(fate),)] += 1
        say = log.info if fate is Fate.DELIVERED else log.warning
        say("webhook", prediction=id, **stored.identity, fate=str(fate), status=reply.status, tries=hook.tries)


@asynccontextmanager
async def webhooks_sent(front_end: FrontEnd) -> AsyncIterator[None]:
    """They are while the `with` lasts, where the settings want it."""
    settings = front_end.settings
    if not settings.webhooks:
        yield
        return
    allowed = networks_in(settings.webhook_allow)
    task = asyncio.create_task(Sender(front_end, allowed, _delivery(front_end, allowed)).run(), name="webhooks")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _delivery(front_end: FrontEnd, allowed: Sequence[Network]) -> Deliver:
    if front_end.tracer is None:
        return Delivery(allowed)
    from server.webhooks.traced import TracedDelivery

    return TracedDelivery(Delivery(allowed), front_end.tracer)


async def _take(most: int, broker: PredictionBroker) -> Sequence[Hook]:
    return await broker.take_hooks(most)


async def _read(id: str, broker: PredictionBroker) -> Prediction | None:
    return (await broker.read([id])).get(id)


async def _settle(id: str, wait: float | None, tried: HookTry, broker: PredictionBroker) -> Any:
    await broker.settle_hook(id, wait, tried)
