"""Who is let in by which key, wherever clients put it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from broker.credentials.api_key import ApiKey, new_key
from broker.credentials.credential import Credential, list_of
from broker.messages import Lane
from server.callers.authentication import Authentication, Unauthenticated
from server.callers.caller import EVERY_MODEL
from server.callers.known_keys import KnownKeys
from server.callers.table import CallerTable, caller_of
from server.errors import Problem
from server.http.context import RequestContext

NOW = 1_000_000.0


def credential(key: ApiKey, **fields: Any) -> Credential:
    return Credential(**({"id": key.id, "hash": key.hash, "name": "alice"} | fields))


def knowing(*credentials: Credential) -> Authentication:
    keys = KnownKeys()
    keys.table = CallerTable(credentials)
    return Authentication(keys, clock=lambda: NOW)


def asked(authentication: Authentication, headers: dict[bytes, bytes] | None = None, query: bytes = b"") -> str:
    scope = {"query_string": query, "context": RequestContext(b"", 0.0, headers or {})}
    return (authentication.caller(scope) or authentication.stranger(scope)).id


KEY = ApiKey("a" * 12, "Aa0" * 10 + "Zz")
TEXT = KEY.text.encode()


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({b"authorization": b"Bearer " + TEXT}, b""),
        ({b"authorization": b"bearer   " + TEXT + b" "}, b""),
        ({b"authorization": b"DeepL-Auth-Key " + TEXT}, b""),
        ({b"authorization": b"Token " + TEXT}, b""),
        ({b"authorization": TEXT}, b""),
        ({b"x-api-key": TEXT}, b""),
        ({b"api-key": TEXT}, b""),
        ({b"authorization": b"Basic dXNlcjpwYXNz", b"x-api-key": TEXT}, b""),
        ({}, b"api_key=" + TEXT),
        ({}, b"q=hello&auth_key=" + TEXT + b"&target=de"),
    ],
)
def test_a_key_is_found_wherever_clients_put_it(headers: dict[bytes, bytes], query: bytes) -> None:
    assert asked(knowing(credential(KEY)), headers, query) == KEY.id


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, b""),
        ({}, b"q=api_key"),
        ({b"authorization": b"Basic dXNlcjpwYXNz"}, b""),
        ({b"authorization": b""}, b""),
        ({b"authorization": b"Bearer"}, b""),
        ({b"authorization": b"Bearer EMPTY"}, b""),
        ({b"authorization": b"Bearer \xff\xfe"}, b""),
        ({b"x-api-key": b""}, b""),
        ({b"authorization": b"Bearer " + TEXT[:-1]}, b""),
        ({b"authorization": b"Bearer " + ApiKey("b" * 12, "1" * 32).text.encode()}, b""),
        ({b"authorization": b"Bearer " + ApiKey(KEY.id, "1" * 32).text.encode()}, b""),
        ({b"authorization": b"Bearer nonsense", b"x-api-key": TEXT}, b""),
    ],
)
def test_without_a_good_key_nobody_is_let_in(headers: dict[bytes, bytes], query: bytes) -> None:
    with pytest.raises(Unauthenticated) as refused:
        asked(knowing(credential(KEY)), headers, query)

    assert refused.value.status == 401
    assert refused.value.headers == {"WWW-Authenticate": "Bearer"}
    assert KEY.secret not in refused.value.detail


@pytest.mark.parametrize(
    ("fields", "is_let_in"),
    [
        ({"expires": NOW + 1}, True),
        ({"expires": NOW}, False),
        ({"disabled": True}, False),
        ({"hash": new_key().hash, "former_hash": KEY.hash, "former_until": NOW + 1}, True),
        ({"hash": new_key().hash, "former_hash": KEY.hash, "former_until": NOW}, False),
        ({"former_hash": KEY.hash, "former_until": NOW + 1, "disabled": True}, False),
    ],
)
def test_a_key_lets_in_while_it_counts(fields: dict[str, Any], is_let_in: bool) -> None:
    holder = CallerTable([credential(KEY, **fields)]).holder(KEY, NOW)

    assert (holder is not None) == is_let_in


def test_while_no_keys_are_known_nobody_is_let_in_and_it_says_why() -> None:
    authentication = Authentication(KnownKeys())

    with pytest.raises(Problem) as refused:
        asked(authentication, {b"x-api-key": TEXT})

    assert refused.value.status == 503
    assert "jitney keys add" in refused.value.detail


def test_a_caller_is_what_its_credential_says() -> None:
    made = caller_of(
        credential(KEY, weight=4, limits="5 jobs/min", models=("m*",), lanes=("bulk",), rights=("infer", "admin"))
    )

    assert (made.id, made.list, made.weight) == (KEY.id, list_of(KEY.id), 4)
    assert [policy.name for policy in made.policies] == ["jobs"]
    assert (made.models, made.lanes, made.rights) == (("m*",), {Lane.BULK}, {"infer", "admin"})


@pytest.mark.parametrize(
    ("rights", "right", "is_refused"),
    [
        (("infer",), "infer", False),
        (("infer",), "files", True),
        (("admin",), "files", False),
        (("admin",), "history", True),
        (("infer", "files"), "history", True),
        (("history",), "history", False),
        (("history",), "infer", True),
    ],
)
def test_admins_may_do_everything_but_read_what_is_kept(rights: tuple[str, ...], right: str, is_refused: bool) -> None:
    caller = caller_of(credential(KEY, rights=rights))

    with pytest.raises(Problem, match=right) if is_refused else nullcontext():
        caller.check_right(right)


def test_a_credential_for_every_model_costs_no_comparison() -> None:
    assert caller_of(credential(KEY)).models is EVERY_MODEL


def test_keys_are_spread_over_all_lists() -> None:
    assert {list_of(new_key().id) for _ in range(500)} == set(range(1, 8))
