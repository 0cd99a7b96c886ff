"""Which servers are no cache, and which will fail sooner or later."""

from __future__ import annotations

import pytest

from broker.cache.server import OWN_SERVER, SENTINEL, is_same_place, misfit, of_its_variable, rules, weakness
from broker.errors import BrokerUnfit
from broker.facts import Facts
from server.cache.remote import CacheServer


@pytest.mark.parametrize(
    ("url", "other", "same"),
    [
        ("redis://h:6379/0", "redis://h", True),
        ("redis://h/1", "rediss://user:secret@H:6379/0", True),
        ("redis://h:6380", "redis://h:6379", False),
        ("redis://h", "redis://g", False),
        ("unix:///run/a.sock?db=1", "unix://:secret@/run/a.sock", True),
        ("unix:///run/a.sock", "unix:///run/b.sock", False),
        ("redis://", "redis://localhost:6379", True),
        ("redis://h", "redis://:pa/ss@h", False),
        ("redis://h", "redis://user:a#b@h", False),
    ],
)
def test_one_server_is_known_by_its_place_whatever_the_database(url: str, other: str, same: bool) -> None:
    assert is_same_place(url, other) is same


def test_the_brokers_own_server_is_known_by_its_run_id() -> None:
    assert misfit(Facts(run_id="a"), Facts(run_id="a")) == OWN_SERVER
    assert misfit(Facts(run_id="a"), Facts(run_id="b")) is None
    assert misfit(Facts(), Facts()) is None  # neither may be asked


def test_a_sentinel_is_no_cache() -> None:
    assert misfit(Facts(mode="sentinel", run_id="a"), Facts(run_id="b")) == SENTINEL


@pytest.mark.parametrize(
    ("policy", "max_memory", "said"),
    [
        ("noeviction", 1 << 20, "takes nothing new once it is full"),
        ("noeviction", 0, "until its machine is out of memory"),
        ("allkeys-lru", 0, "until its machine is out of memory"),
    ],
)
def test_a_server_that_keeps_all_is_warned_of(policy: str, max_memory: int, said: str) -> None:
    assert said in weakness(Facts(policy=policy, max_memory=max_memory))


@pytest.mark.parametrize("policy", ["allkeys-lfu", "volatile-ttl", ""])
def test_a_server_that_evicts_is_fine(policy: str) -> None:
    assert weakness(Facts(policy=policy, max_memory=1 << 20)) == ""


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://127.0.0.1:6379/3", "--cache-url names the broker's own server"),
        ("http://h", "JITNEY_CACHE_URL"),
        ("redis://:pa/ss@h", "--cache-url: redis://…: its database is no number"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(BrokerUnfit) as caught:
        CacheServer(url, "default", broker_url="redis://127.0.0.1:6379/0")

    assert said in str(caught.value) and "pa/ss" not in str(caught.value)


def test_what_is_said_of_it_names_its_variable_and_its_names() -> None:
    assert of_its_variable("correct it in JITNEY_REDIS_URL") == "correct it in JITNEY_CACHE_URL"
    assert rules("blue") == "~jitney-cache:{blue}:* +getrange +set +info +client|setname"
