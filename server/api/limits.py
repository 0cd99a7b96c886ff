"""How much a request may bring where its clients know other bounds than ours."""

from __future__ import annotations

from server.http.bytes_in_hand import most_large
from server.settings import ServerSettings


def most_records(settings: ServerSettings, times: int) -> int:
    """In one request, where it may have so many times as many as elsewhere."""
    return times * settings.max_records


def most_bytes(settings: ServerSettings, times: int) -> int:
    """Of one request's body, the same."""
    return max(settings.max_body_bytes, min(times * settings.max_body_bytes, most_large(settings.max_bytes_in_hand)))
