"""A span for each try to deliver a webhook, in the trace of the request that asked for it."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from broker.tracing.spans import NAMES, carried, parent
from server.webhooks.delivery import Delivery
from server.webhooks.receiver import Receiver
from server.webhooks.schedule import Reply


class TracedDelivery:
    """A delivery whose receiver may go on from its span. Whom it went to is in no span: clients name receivers."""

    def __init__(self, deliver: Delivery, tracer: Tracer) -> None:
        self._deliver = deliver
        self._tracer = tracer

    async def __call__(self, receiver: Receiver, headers: Mapping[str, str], body: bytes) -> Reply:
        attributes = {"http.request.method": "POST"}
        with self._tracer.start_as_current_span("webhook", parent(headers), SpanKind.CLIENT, attributes) as span:
            others = {name: value for name, value in headers.items() if name not in NAMES}
            reply = await self._deliver(receiver, others | carried(span), body)
            if reply.status:
                span.set_attribute("http.response.status_code", reply.status)
            if not 200 <= reply.status < 300:
                span.set_attribute("error.type", str(reply.status or "no_answer"))
                span.set_status(Status(StatusCode.ERROR))
            return reply
