"""An address with `Prefer: respond-async`: the request is stored, and its client gets a 202 and where to ask."""

from __future__ import annotations

import secrets

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from broker.messages import FailureCode
from broker.predictions.contract import OVERHEAD, Created, Creation, Order, PredictionBroker
from server.api.inference import Inference
from server.callers.owners import owner_of
from server.dialects.contract import Call
from server.errors import Problem
from server.front_end import FrontEnd
from server.http.body import lane_of, time_limit
from server.predictions.durability import NOT_YET
from server.predictions.prefer import applied, digest, key_of, wait_before_202
from server.predictions.routes import Predictions
from server.predictions.stored import Stored, kept_headers, request_to_bytes
from server.predictions.unwanted import forget
from server.webhooks.receiver import url_from

EPOCH_SHOWN = 8  # digits of the epoch that an id begins with
ACCEPTED = 202
FULL = "The predictions that are kept have no room for another one."
OTHER_REQUEST = "This Idempotency-Key belongs to another request."


class Submission:
    """The ASGI endpoint of one address: at once for whoever waits, stored for whoever would rather come back."""

    def __init__(self, front_end: FrontEnd, inference: Inference) -> None:
        self._front_end = front_end
        self._inference = inference
        self._predictions = Predictions(front_end)
        self._durability = front_end.tasks.durability

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wait = None
        if b"prefer" in scope["context"].headers:
            wait = wait_before_202(value for name, value in scope["headers"] if name == b"prefer")
        if wait is None:
            await self._inference(scope, receive, send)
            return
        order = await self._order(scope, receive)
        scope["context"].model = b""  # the result says who answered, which may be a later revision
        created = await self._created(order)
        headers = {"location": f"/predictions/{created.id}", "preference-applied": applied(wait), "vary": "Prefer"}
        if created.outcome is Creation.REPLAYED:
            headers["idempotent-replayed"] = "true"
        persisted = self._durability.join() if self._durability is not None else None
        response = await self._answer(created.id, wait, receive, scope)
        if response.status_code == ACCEPTED and persisted is not None and not await persisted:
            await self._take_back(order, created.id)
            raise Problem("not_durable", NOT_YET)
        response.headers.update(headers)
        await response(scope, receive, send)

    async def _order(self, scope: Scope, receive: Receive) -> Order:
        """Raises `Problem` for what can be seen to be wrong before anything is computed."""
        context, settings = scope["context"], self._front_end.settings
        longest = settings.max_prediction_time
        seconds = time_limit(context.headers, min(settings.prediction_ttl, longest), longest)
        lane = lane_of(context.headers)
        webhook = url_from(context.headers.get(b"jitney-webhook"), settings)
        key = key_of(context.headers.get(b"idempotency-key"))
        body, call = await self._inference.read_only(scope, receive)
        stored = _stored(scope, call, lane, webhook)
        path = scope["path"].encode("utf-8")
        return Order(
            id=self._new_id(),
            owner=self._front_end.tasks.predictions.front_end,
            request=request_to_bytes(stored),
            body=body,
            records=len(call.inputs),
            time_left=seconds,
            keep=settings.prediction_ttl,
            runs=self._front_end.tasks.predictions.has_room
            and self._front_end.prediction_bodies[stored.model].fits(len(body)),
            key=digest(context.caller.id.encode("utf-8"), path, key) if key else "",
            has_hook=bool(webhook),
            fingerprint=digest(scope["method"].encode("ascii"), path, scope["query_string"], body) if key else "",
        )

    def _new_id(self) -> str:
        """Whoever knows it may read the prediction, so nobody can guess it; its beginning says which memory of the
        broker it lies in."""
        epoch = self._front_end.tasks.discovery.epoch[:EPOCH_SHOWN] or "0" * EPOCH_SHOWN
        return f"{epoch}-{secrets.token_hex(16)}"

    async def _created(self, order: Order) -> Created:
        most, keeper = self._front_end.settings.predictions_bytes, self._front_end.tasks.predictions
        if len(order.body) + len(order.request) + OVERHEAD > most:
            raise Problem(FailureCode.TOO_LARGE, f"All predictions together have {most} bytes here.", limit=most)
        if self._durability is not None:
            self._durability.check()

        is_sent = False

        async def create(broker: PredictionBroker) -> Created:
            nonlocal is_sent
            is_sent = True
            return await broker.create(order, most)

        try:
            created = await keeper.ask(create)
        except Problem:
            if is_sent and not order.key:  # with a key, whoever sends it again is told
                keeper.forget(order.id)
            raise
        if created.outcome is Creation.FULL:
            raise Problem("contended", FULL, retry_after=created.wait)
        if created.outcome is Creation.MISMATCH:
            raise Problem("key_reused", OTHER_REQUEST)
        if created.outcome is Creation.CREATED:
            self._front_end.metrics.predictions[("created",)] += 1
            keeper.take(created.id, order if order.runs else None)
        return created

    async def _answer(self, id: str, wait: float, receive: Receive, scope: Scope) -> Response:
        """The result where it is there in time, else the document."""
        if wait:
            await self._predictions.wait(id, wait, receive, scope)
            return await self._predictions.result(id)
        return await self._predictions.described(id, ACCEPTED)

    async def _take_back(self, order: Order, id: str) -> None:
        """Nobody was told of it. One with a key stays: whoever sends it again is told then."""
        if order.key:
            return
        keeper = self._front_end.tasks.predictions
        keeper.drop(id)
        try:
            await keeper.ask(lambda broker: forget(broker, id))
        except Problem:
            keeper.forget(id)


def _stored(scope: Scope, call: Call, lane: str, webhook: str) -> Stored:
    context, card = scope["context"], call.served.card
    headers = kept_headers(context.headers) | {"x-request-id": context.request_id.decode("latin-1")}
    query = scope["query_string"].decode("latin-1")
    found = {"path": scope["path"], "query": query, "headers": headers, "model": card.name, "task": card.task}
    return Stored(
        **found, lane=lane, has_rows=call.row_ids is not None, webhook=webhook, caller=owner_of(context.caller)
    )
