"""/openapi.json says where a key is asked for, while one is."""

from __future__ import annotations

from typing import Any

from server.api.described.openapi import Live, document
from server.callers.identification import OPEN
from server.settings import ServerSettings
from tests.unit.server.stand_in import card


def described(**settings: Any) -> Any:
    return document("1", ServerSettings(**settings), Live((card(),)))


def test_without_keys_nothing_is_said_of_them() -> None:
    found = described()

    assert "security" not in found
    assert "securitySchemes" not in found["components"]


def test_with_keys_every_address_asks_for_one_but_those_that_are_open() -> None:
    found = described(api_keys="on")

    assert [list(one) for one in found["security"]] == [["bearer"], ["header"]]
    assert found["components"]["securitySchemes"].keys() == {"bearer", "header"}
    for path, methods in found["paths"].items():
        for method, told in methods.items():
            is_open = path in OPEN and method == "get"
            assert (told.get("security") == []) == is_open, path
            assert is_open or {"401", "403", "400"} & told["responses"].keys(), path


def test_where_strangers_are_let_in_a_key_is_a_choice() -> None:
    assert {} in described(api_keys="on", anonymous="5 requests/min")["security"]
