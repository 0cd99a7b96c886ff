"""Between what travels (`traceparent`, `tracestate`) and what OpenTelemetry calls a span's context."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from broker.tracing.context import trace_headers

NAMES = ("traceparent", "tracestate")


def span_context(meta: Mapping[str, str]) -> SpanContext | None:
    """Of the span that caused this; None where there is none, or none that can be read."""
    known = trace_headers({name.encode(): meta[name].encode("utf-8") for name in NAMES if name in meta})
    if not known:
        return None
    _, trace, span, flags = known["traceparent"].split("-")
    state = TraceState.from_header([known["tracestate"]]) if "tracestate" in known else None
    sampled = TraceFlags(int(flags, 16))
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=sampled, trace_state=state)


def parent(meta: Mapping[str, str]) -> Context:
    """For a span that it causes: without one, the span begins a trace."""
    found = span_context(meta)
    return Context() if found is None else set_span_in_context(NonRecordingSpan(found), Context())


def carried(span: Span) -> dict[str, str]:
    """What tells others that this span is what they go on from."""
    context = span.get_span_context()
    found = {"traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"}
    if context.trace_state:
        found["tracestate"] = context.trace_state.to_header()
    return found
