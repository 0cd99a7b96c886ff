"""Who runs a batch: the broker has a lease for it, as for a prediction. It may lose it; the store knows more."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from broker.predictions.contract import Creation, Ending, Order, PredictionBroker, State
from server.batches.kept import Asked, End
from server.predictions.keeper import Keeper
from server.predictions.stored import Stored, request_to_bytes
from server.predictions.unwanted import forget
from server.webhooks.events import of_batch

MARGIN = 3_600.0  # seconds that a lease is known after the time of its batch: to end it, and to be seen ended
UNBOUNDED = 1 << 50  # bytes: a lease is small, and what is accepted is run
REQUEST = Stored(path="/v1/batches", query="", headers={}, model="", task="", lane="bulk")


class Leases:
    """Those of one front end. Every method raises `Problem` where the broker is away."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def begin(self, asked: Asked, now: float) -> None:
        """Somebody runs it from now on: whoever did before, else this front end."""
        order = self._order(asked, max(0.0, asked.expires_at - now) + MARGIN)
        created = await self._keeper.ask(lambda broker: broker.create(order, UNBOUNDED))
        if created.outcome is Creation.CREATED:
            self._keeper.take(asked.id)

    async def begin_anew(self, asked: Asked, now: float) -> None:
        """Whoever runs it stops, and this front end goes on from what is in the store."""
        await self.remove(asked.id)
        await self._keeper.stop(asked.id)
        await self.begin(asked, now)

    async def holds(self, id: str) -> bool:
        """Whether this front end is the one that runs it."""
        return await self._keeper.ask(lambda broker: broker.begin(id, self._keeper.front_end)) is not None

    async def remove(self, id: str) -> None:
        """Nobody runs it any more, and the broker knows nothing of it."""
        await self._keeper.ask(lambda broker: forget(broker, id))

    async def end(self, asked: Asked, end: End, keep: float) -> None:
        """Nobody runs it any more. Whoever wants to be told is, for so many seconds; else nothing of it stays."""
        if not asked.webhook:
            await self.remove(asked.id)
            return
        event, owner = of_batch(asked.id, end.status, end.at), self._keeper.front_end
        # Whatever the batch's is: this state needs no lease, and the first one counts.
        ending = Ending(id=asked.id, owner=owner, state=State.SUCCEEDED, result=event, done=0, failed=0, keep=keep)

        async def tell(broker: PredictionBroker) -> None:
            await broker.create(self._order(asked, MARGIN), UNBOUNDED)  # where it came back empty
            await broker.finish(ending)

        await self._keeper.ask(tell)

    async def release(self, id: str) -> None:
        """Another front end may run it, this one cannot."""
        await self._keeper.ask(lambda broker: broker.release(self._keeper.front_end, [id]))

    async def unheld(self, ids: Sequence[str]) -> Sequence[str]:
        """Those of them that nobody runs, as far as the broker knows."""
        found = await self._keeper.ask(lambda broker: broker.read(ids))
        return [id for id in ids if id not in found or not found[id].state.is_open]

    async def revive(self, asked: Asked, now: float) -> None:
        """It is in the store and the broker knows of nobody who runs it: this front end does."""
        found = await self._keeper.ask(lambda broker: broker.read([asked.id]))
        if asked.id in found and not found[asked.id].state.is_open:
            await self.remove(asked.id)
        await self.begin(asked, now)

    def _order(self, asked: Asked, time_left: float) -> Order:
        headers = {"x-request-id": asked.request_id} if asked.request_id else {}
        return Order(
            id=asked.id,
            owner=self._keeper.front_end,
            request=request_to_bytes(replace(REQUEST, webhook=asked.webhook, headers=headers)),
            body=b"",
            records=0,
            time_left=time_left,
            keep=MARGIN,
            has_hook=bool(asked.webhook),
        )
