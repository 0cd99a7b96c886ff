"""The fields of a request, whether they come as JSON, as a form, or behind the question mark."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from server.api.incoming import Incoming
from server.errors import Problem
from server.http.bodies import MOST_FIELDS

FORM = b"application/x-www-form-urlencoded"
MULTIPART = b"multipart/form-data; boundary=b"


def parts(*pairs: tuple[str, str], end: str = "--b--\r\n") -> bytes:
    """As a web page's FormData sends them."""
    written = "".join(f"--b\r\nContent-Disposition: form-data; {name}\r\n\r\n{text}\r\n" for name, text in pairs)
    return f"{written}{end}".encode()


Q, TARGET, FILE = ('name="q"', "日 & b\r\nc"), ('name="target"', ""), ('name="file"; filename="a.txt"', "words")


def incoming(body: bytes = b"", kind: bytes | None = None, query: bytes = b"") -> Incoming:
    headers = {} if kind is None else {b"content-type": kind}
    scope: Any = {"query_string": query, "context": SimpleNamespace(headers=headers)}
    found = Incoming(None, scope)  # type: ignore[arg-type]
    found.body = body
    return found


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        pytest.param(incoming(b'{"q": ["a"], "n": 1}', b"application/json"), {"q": ["a"], "n": 1}, id="JSON"),
        pytest.param(incoming(b' {"q": "a"}'), {"q": "a"}, id="JSON of no named type"),
        pytest.param(incoming(b"q=a+b&target=de", FORM), {"q": "a b", "target": "de"}, id="a form"),
        pytest.param(incoming(b"q=%E6%97%A5&e=", FORM + b"; charset=utf-8"), {"q": "日", "e": ""}, id="escapes"),
        pytest.param(incoming(b"q=a", FORM, b"q=b&target=de"), {"q": "a", "target": "de"}, id="a form and the query"),
        pytest.param(incoming(query=b"q=a%20%26%20b&source=en"), {"q": "a & b", "source": "en"}, id="the query alone"),
        pytest.param(
            incoming(parts(Q, FILE, TARGET), MULTIPART, b"source=en"),
            {"q": "日 & b\r\nc", "target": "", "source": "en"},
            id="a form of parts, and the query",
        ),
        pytest.param(incoming(parts(), MULTIPART), {}, id="a form of no parts"),
        pytest.param(incoming(b"hello", b"text/plain", b"q=b"), {"q": "b"}, id="another type: the query alone"),
        pytest.param(incoming(b'{"q": "a"}', b"application/json", b"q=b"), {"q": "a"}, id="JSON: not the query"),
        pytest.param(incoming(), {}, id="nothing"),
    ],
)
def test_fields_are_those_of_the_body_or_the_query(asked, fields):
    assert asked.fields() == fields


def test_of_a_form_the_first_of_a_name_counts_and_all_where_a_list_is_meant():
    asked = incoming(b"text=a&text=b&target=de", FORM)

    assert asked.fields() == {"text": "a", "target": "de"}
    assert asked.fields(lists=["text"]) == {"text": ["a", "b"], "target": "de"}
    of_parts = incoming(parts(('name="text"', "a"), ('name="text"', "b")), MULTIPART)
    assert of_parts.fields(lists=["text"]) == {"text": ["a", "b"]}


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(incoming(b"[1]", b"application/json"), id="a list"),
        pytest.param(incoming(b"", b"application/json"), id="no JSON"),
        pytest.param(incoming(b"q=%FF", FORM), id="not UTF-8, escaped"),
        pytest.param(incoming(b"q=\xff", FORM), id="not UTF-8"),
        pytest.param(incoming(query=b"q=%FF"), id="a query that is not UTF-8"),
        pytest.param(incoming(b"a&" * (MOST_FIELDS + 1), FORM), id="too many"),
        pytest.param(incoming(parts(Q, end=""), MULTIPART), id="parts without an end"),
        pytest.param(incoming(parts(Q), b"multipart/form-data"), id="parts without a boundary"),
        pytest.param(incoming(b"q=a", MULTIPART), id="no parts"),
        pytest.param(incoming(parts(("", "a")), MULTIPART), id="a part without a name"),
        pytest.param(incoming(parts(Q).replace(b"&", b"\xff"), MULTIPART), id="a part that is not UTF-8"),
        pytest.param(incoming(parts(*[Q] * (MOST_FIELDS + 1)), MULTIPART), id="too many parts"),
        pytest.param(incoming(parts(*[FILE] * (MOST_FIELDS + 1)), MULTIPART), id="too many files"),
    ],
)
def test_what_cannot_be_read_is_malformed(asked):
    with pytest.raises(Problem) as raised:
        asked.fields()

    assert raised.value.code == "malformed"


def test_names_are_those_of_an_object_and_none_of_anything_else():
    assert set(incoming(b'{"a": {"b": 1}, "c": 2}').names) == {"a", "c"}
    assert not [*incoming(b"[]", b"application/json").names, *incoming(b"{", b"application/json").names]
