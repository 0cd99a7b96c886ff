"""Which form of a reply an Accept header asks for."""

from __future__ import annotations

import pytest

from server.streams.accept import form_of
from server.streams.forms import EVENTS, LINES


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        pytest.param(None, None, id="none is sent: JSON"),
        pytest.param("*/*", None, id="anything: JSON"),
        pytest.param("application/json", None, id="JSON"),
        pytest.param("text/html", None, id="what is not made here: JSON, as ever"),
        pytest.param("application/x-ndjson", LINES, id="lines"),
        pytest.param("text/event-stream", EVENTS, id="events"),
        pytest.param("Text/Event-Stream; charset=utf-8", EVENTS, id="in any case, with parameters"),
        pytest.param("text/event-stream, */*", EVENTS, id="a name is wanted more than anything else"),
        pytest.param("application/json, text/event-stream", None, id="JSON where it is named and wanted as much"),
        pytest.param("application/json;q=0.5, text/event-stream", EVENTS, id="a stream that is wanted more than JSON"),
        pytest.param("application/json, text/event-stream;q=0.5", None, id="JSON that is wanted more"),
        pytest.param("application/*, text/event-stream;q=0.5", None, id="JSON by its kind that is wanted more"),
        pytest.param("*/*, text/event-stream;q=0.5", None, id="anything that is wanted more"),
        pytest.param("*/*;q=0.1, application/x-ndjson ; q=0.9", LINES, id="lines that are wanted more than anything"),
        pytest.param("text/event-stream;q=0.4,application/x-ndjson;q=0.6", LINES, id="the better one of both"),
        pytest.param("text/event-stream;q=0", None, id="a quality of nothing is not wanted"),
        pytest.param("text/event-stream;q=high", None, id="a quality that is none is not wanted"),
        pytest.param("application/x-ndjsonx", None, id="another name"),
        pytest.param(",;=,text/event-stream", EVENTS, id="rubbish beside it"),
    ],
)
def test_the_form_is_what_is_wanted_most(accept, form):
    headers = {} if accept is None else {b"accept": accept.encode()}

    assert form_of(headers) is form


def test_http_1_0_gets_one_reply():
    assert form_of({b"accept": b"text/event-stream"}, "1.0") is None
