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
        for told in methods.values():
            assert (told.get("security") == []) == (path in OPEN), path
            assert path in OPEN or {"401", "403", "400"} & told["responses"].keys(), path


def test_where_strangers_are_let_in_a_key_is_a_choice() -> None:
    assert {} in described(api_keys="on", anonymous="5 requests/min")["security"]


def test_what_is_open_by_method_is_no_address_of_another_method() -> None:
    methods = {path: set(told) for path, told in described()["paths"].items() if path in OPEN}

    assert set().union(*methods.values()) == {"get"}
