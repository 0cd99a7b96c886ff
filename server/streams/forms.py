"""How a row is spelled in a stream: as a line of JSON, or as a server-sent event. Pure."""

from __future__ import annotations

from typing import Protocol


class Form(Protocol):
    """One media type of a stream."""

    media_type: bytes
    heartbeat: bytes  # what says that the stream lives; empty where there is nothing that readers pass over

    def event(self, kind: bytes, sent: int, told: bytes) -> bytes:
        """This JSON, of the kind record, done or error, once so many records have been sent."""
        ...


class Lines:
    """NDJSON. What kind a line is shows in its fields."""

    media_type = b"application/x-ndjson"
    heartbeat = b""  # an empty line would do, but not every reader of lines expects one

    def event(self, kind: bytes, sent: int, told: bytes) -> bytes:
        return told + b"\n"


class Events:
    """Server-sent events, as the HTML standard has them. JSON has no line end of its own, so one field holds it."""

    media_type = b"text/event-stream"
    heartbeat = b":\n\n"

    def event(self, kind: bytes, sent: int, told: bytes) -> bytes:
        return b"event: %b\nid: %d\ndata: %b\n\n" % (kind, sent, told)


LINES, EVENTS = Lines(), Events()
FORMS: tuple[Form, ...] = (LINES, EVENTS)
