"""Two descriptions of one address become one that allows whatever either does."""

from __future__ import annotations

from typing import Any

from server.api.described.shared import joined

JSON = "application/json"


def described(body: str, reply: str, *, status: str = "200", required: bool = True) -> dict[str, Any]:
    return {
        "operationId": body,
        "summary": body,
        "parameters": [{"name": "X", "in": "header"}, {"name": body, "in": "query"}],
        "requestBody": {"required": True, "content": {JSON: {"schema": {"$ref": body}, "example": body}}},
        "responses": {
            status: {"headers": {"H": {"required": required}}, "content": {JSON: {"schema": {"$ref": reply}}}}
        },
    }


def test_bodies_and_replies_are_either():
    found = joined(described("a", "x"), described("b", "y"))

    assert found["requestBody"]["content"][JSON]["schema"] == {"anyOf": [{"$ref": "a"}, {"$ref": "b"}]}
    assert found["responses"]["200"]["content"][JSON]["schema"] == {"anyOf": [{"$ref": "x"}, {"$ref": "y"}]}


def test_what_both_have_stands_there_once():
    found = joined(described("a", "x"), described("b", "x"))

    assert found["responses"]["200"]["content"][JSON]["schema"] == {"$ref": "x"}
    assert sorted(one["name"] for one in found["parameters"]) == ["X", "a", "b"]


def test_three_are_joined_as_two_are():
    found = joined(joined(described("a", "x"), described("b", "y")), described("c", "x"))

    assert found["responses"]["200"]["content"][JSON]["schema"] == {"anyOf": [{"$ref": "x"}, {"$ref": "y"}]}
    assert len(found["requestBody"]["content"][JSON]["schema"]["anyOf"]) == 3


def test_a_status_of_one_is_one_of_both_and_only_what_both_promise_is_promised():
    found = joined(described("a", "x", required=False), described("b", "y"))
    apart = joined(described("a", "x"), described("b", "y", status="424"))

    assert not found["responses"]["200"]["headers"]["H"]["required"]
    assert apart["responses"].keys() == {"200", "424"}
