"""What names an answer: everything that it depends on."""

from __future__ import annotations

from typing import Any

import pytest

from server.cache.digest import Digests
from server.errors import Problem
from tests.unit.server.stand_in import card

SECRET = b"a secret"
ASKED: dict[str, Any] = {"card": card(), "options": {"topK": 2}, "inputs": ["good morning"], "owner": ""}


def digest(secret: bytes = SECRET, **changed: Any) -> bytes:
    (found,) = Digests(secret).of(**ASKED | changed)
    return found


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"card": card(revision="r2")}, id="revision"),
        pytest.param({"card": card("other")}, id="model"),
        pytest.param({"card": card(task="embedding")}, id="task"),
        pytest.param({"options": {"topK": 3}}, id="an option's value"),
        pytest.param({"options": {"topK": 2.0}}, id="an option's type"),
        pytest.param({"options": {}}, id="an option that is not there"),
        pytest.param({"inputs": ["good morning "]}, id="a space"),
        pytest.param({"inputs": [b"good morning"]}, id="bytes for a text"),
        pytest.param({"owner": "alice"}, id="owner"),
        pytest.param({"secret": b"another"}, id="secret"),
    ],
)
def test_whatever_an_answer_depends_on_changes_its_name(changed: dict[str, Any]) -> None:
    assert digest(**changed) != digest()


def test_the_order_of_options_and_those_that_say_nothing_do_not_count() -> None:
    one, other = {"fromLang": "en", "toLang": "ja"}, {"toLang": "ja", "glossary": None, "fromLang": "en"}

    assert digest(options=one) == digest(options=other)


def test_what_joined_is_the_same_has_names_of_its_own() -> None:
    assert digest(options={"a": "bc"}) != digest(options={"ab": "c"})
    assert len(set(Digests(SECRET).of(card(), {}, ["ab", "c", "a", "bc", "abc"], ""))) == 5


def test_half_a_surrogate_pair_has_a_name_and_options_without_bytes_have_none() -> None:
    assert len(digest(inputs=["\ud800"])) == 16
    assert digest(options={"odd": object()}) == b""
    assert digest(inputs=[Problem("malformed", "no text")]) == b""
