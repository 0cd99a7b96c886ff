"""Whose answers are whose: with a scope of keys nobody is answered with what another key has asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.faults.kit.keys import add, bearer, id_of, keys
from tests.integration.cache.cached import PATH, Cached, body, found, status
from tests.integration.processes import FrontEnd, Reply
from tests.waiting import until

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def url(system: Cached) -> str:
    return system.stack.broker.url


@pytest.fixture(scope="module")
def alice(url: str) -> str:
    return add(url, "alice")


@pytest.fixture(scope="module")
def bob(url: str) -> str:
    return add(url, "bob")


def started(system: Cached, **settings: object) -> FrontEnd:
    """It asks for keys, and shares the server of all."""
    return system.stack.start_front_end(**({"api_keys": "on"} | settings))


@pytest.fixture(scope="module")
def keyed(system: Cached, alice: str, bob: str) -> FrontEnd:
    front_end = started(system, anonymous="1000 requests/min", trusted_proxies="127.0.0.0/8")
    for key in (alice, bob):
        until_told(front_end, key, 200)
    return front_end


@pytest.fixture(scope="module")
def of_all(system: Cached, alice: str, bob: str) -> FrontEnd:
    front_end = started(system, cache_scope="all")
    for key in (alice, bob):
        until_told(front_end, key, 200)
    return front_end


def ask(front_end: FrontEnd, text: str, headers: Mapping[str, str], **fields: Any) -> Reply:
    return front_end.post(PATH, body(text, **fields), headers)


def until_told(front_end: FrontEnd, key: str, *statuses: int, text: str = "known") -> None:
    """It knows the key and the model, or that they are none."""
    until(lambda: ask(front_end, text, bearer(key)).status in statuses, f"this key is answered {statuses}")


def is_hit(reply: Reply) -> bool:
    return status(reply).startswith("jitney; hit")


def test_what_one_key_has_asked_is_no_hit_for_another(system: Cached, keyed: FrontEnd, alice: str, bob: str) -> None:
    replies = [ask(keyed, "of two", bearer(key)) for key in (alice, bob, alice, bob)]

    assert [is_hit(reply) for reply in replies] == [False, False, True, True]
    assert system.computed("of two") == 2
    assert len({reply.body for reply in replies}) == 1


def test_nor_by_the_server_that_all_share(system: Cached, keyed: FrontEnd, alice: str, bob: str) -> None:
    second = started(system)
    until_told(second, alice, 200)
    ask(keyed, "shared", bearer(alice))
    assert is_hit(found(second, PATH, body("shared"), bearer(alice)))

    assert not is_hit(ask(second, "shared", bearer(bob)))
    assert system.computed("shared") == 2
    second.stop()


def test_callers_without_a_key_are_told_apart_by_their_addresses(system: Cached, keyed: FrontEnd, alice: str) -> None:
    def stranger(number: int) -> Reply:
        return ask(keyed, "strange", {"X-Forwarded-For": f"192.0.2.{number}"})

    replies = [ask(keyed, "strange", bearer(alice)), *map(stranger, (1, 2, 1))]

    assert [is_hit(reply) for reply in replies] == [False, False, False, True]
    assert system.computed("strange") == 3


def test_where_nobody_is_asked_for_a_key_all_are_one(system: Cached, keyed: FrontEnd, alice: str) -> None:
    first, again = ask(system.one, "open", {}), ask(system.one, "open", bearer(alice))

    assert (is_hit(first), is_hit(again)) == (False, True)
    assert not is_hit(ask(keyed, "open", bearer(alice)))


def test_with_a_scope_of_all_one_key_is_answered_with_what_another_has_asked(
    system: Cached, of_all: FrontEnd, alice: str, bob: str
) -> None:
    first, second = (ask(of_all, "of all", bearer(key)) for key in (alice, bob))

    assert (is_hit(first), is_hit(second)) == (False, True)
    assert first.body == second.body
    assert system.computed("of all") == 1


@pytest.mark.parametrize(
    ("path", "field", "asked"),
    [
        ("/translate", "api_key", {"q": "of a body", "source": "en", "target": "ja"}),
        ("/v2/translate", "auth_key", {"text": ["of a form"], "source_lang": "EN", "target_lang": "JA"}),
    ],
)
def test_a_key_in_the_body_is_as_good_as_in_a_header(
    keyed: FrontEnd, alice: str, bob: str, path: str, field: str, asked: dict[str, Any]
) -> None:
    replies = [keyed.post(path, asked | {field: key}) for key in (alice, bob, alice)]
    by_header = keyed.post(path, asked, bearer(bob))

    assert [reply.status for reply in replies] == [200] * 3
    assert [is_hit(reply) for reply in [*replies, by_header]] == [False, False, True, True]


def test_a_key_that_is_revoked_has_no_answer_however_often_it_was_given(
    keyed: FrontEnd, of_all: FrontEnd, url: str
) -> None:
    key = add(url, "carol")
    for front_end in (keyed, of_all):
        until_told(front_end, key, 200, text="carol's")
        assert is_hit(ask(front_end, "carol's", bearer(key)))

    keys(url, "revoke", id_of(key))

    for front_end in (keyed, of_all):
        until_told(front_end, key, 401, text="carol's")
        assert status(ask(front_end, "carol's", bearer(key))) == ""


def test_a_new_key_of_the_same_name_has_answers_of_its_own(keyed: FrontEnd, alice: str, url: str) -> None:
    ask(keyed, "of a name", bearer(alice))
    namesake = add(url, "alice")
    until_told(keyed, namesake, 200)

    assert not is_hit(ask(keyed, "of a name", bearer(namesake)))


def test_a_key_whose_secret_is_new_has_the_answers_of_before(keyed: FrontEnd, url: str) -> None:
    key = add(url, "dora")
    until_told(keyed, key, 200, text="dora's")
    rotated = keys(url, "rotate", id_of(key)).out.strip()
    until_told(keyed, rotated, 200)

    assert is_hit(ask(keyed, "dora's", bearer(rotated)))


def test_what_a_key_may_not_do_it_may_not_do_from_the_cache(of_all: FrontEnd, alice: str, url: str) -> None:
    bulk, others = add(url, "erik", "--lanes", "bulk"), add(url, "fred", "--models", "thirds")
    ask(of_all, "forbidden", bearer(alice))
    for key in (bulk, others):
        until_told(of_all, key, 200, 403)

    refused = [ask(of_all, "forbidden", bearer(key)) for key in (bulk, others)]
    assert [(reply.status, reply.json()["code"]) for reply in refused] == [(403, "not_allowed")] * 2
    assert is_hit(ask(of_all, "forbidden", {**bearer(bulk), "Jitney-Lane": "bulk"}))


def test_a_prediction_is_its_keys_as_well(keyed: FrontEnd, alice: str, bob: str) -> None:
    accepted = ask(keyed, "later", {**bearer(alice), **ASYNC})
    assert keyed.get(f"{accepted.headers['location']}/result?wait=20", bearer(alice), timeout=30.0).status == 200

    assert is_hit(ask(keyed, "later", bearer(alice)))
    assert not is_hit(ask(keyed, "later", bearer(bob)))
