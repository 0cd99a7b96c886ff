"""What `jitney doctor` and `jitney status` find of the cache's server, on real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from broker.cache.server import REMEDY, rules
from broker.common.free_port import free_port
from broker.embedded import Binary
from jitney.admin.cache import of_cache
from jitney.admin.findings import Finding, Mark
from tests.faults.kit.broker_process import BrokerProcess, broker_process
from tests.faults.kit.command import jitney
from tests.faults.kit.proxied import PROGRAMS

EVICTING = ("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lfu")
NO_BROKER = f"redis://127.0.0.1:{free_port()}"
SECRET = {"JITNEY_HASH_SECRET": "0123456789abcdef"}


@pytest.fixture(scope="module", params=PROGRAMS, ids=lambda binary: binary.family)
def program(request: pytest.FixtureRequest) -> Binary:
    return request.param


@pytest.fixture
def server(program: Binary) -> Iterator[BrokerProcess]:
    """One as front ends want it."""
    with broker_process(*EVICTING, binary=program) as made:
        yield made


def found(url: str, broker_url: str = NO_BROKER) -> Finding:
    return of_cache(url, broker_url, "blue")


def test_one_that_evicts_is_fit_and_is_left_as_it_was(server: BrokerProcess) -> None:
    with server.client() as client:
        client.set("theirs", "x")

        finding = found(server.url)

        assert finding.mark is Mark.OK and "of 64.0 MiB in use, allkeys-lfu" in finding.said
        assert set(client.keys()) <= {b"theirs", b"jitney-cache:{blue}:doctor"}
        assert client.pttl("jitney-cache:{blue}:doctor") <= 1


@pytest.mark.parametrize(
    ("options", "said"),
    [((), "maxmemory 0"), (("--maxmemory", "64mb", "--maxmemory-policy", "noeviction"), "takes nothing new")],
)
def test_one_that_will_fail_later_is_warned_of(program: Binary, options: tuple[str, ...], said: str) -> None:
    with broker_process(*options, binary=program) as server:
        finding = found(server.url)

    assert (finding.mark, finding.remedy) == (Mark.WARN, REMEDY) and said in finding.said


def test_the_brokers_own_is_none_by_whatever_name(server: BrokerProcess) -> None:
    by_another_name = server.url.replace("127.0.0.1", "localhost")

    for url in (server.url + "?db=1", by_another_name):
        finding = found(url, server.url)

        assert finding.mark is Mark.FAIL and "the broker's own server" in finding.said
        assert "start a second one: valkey-server" in finding.remedy


def test_one_that_is_full_fails(program: Binary) -> None:
    with broker_process("--maxmemory", "1", "--maxmemory-policy", "noeviction", binary=program) as server:
        finding = found(server.url)

    assert (finding.mark, finding.remedy) == (Mark.FAIL, REMEDY) and "it is out of memory" in finding.said


def test_a_replica_takes_nothing(server: BrokerProcess, program: Binary) -> None:
    with broker_process(*EVICTING, "--replicaof", "127.0.0.1", str(server.port), binary=program) as replica:
        finding = found(replica.url)

    assert finding.mark is Mark.FAIL and "read-only replica" in finding.said and "primary" in finding.remedy


@pytest.mark.parametrize(
    ("user", "mark", "remedy"),
    [
        (rules("blue"), Mark.OK, ""),
        (rules("blue").replace("+info ", ""), Mark.WARN, "grant +info"),
        (rules("blue").replace("+set ", ""), Mark.FAIL, f"give its user {rules('blue')}"),
        (rules("blue").replace("+getrange ", ""), Mark.FAIL, f"give its user {rules('blue')}"),
        (rules("green"), Mark.FAIL, f"give its user {rules('blue')}"),
    ],
)
def test_its_user_needs_what_the_page_says_and_no_more(
    server: BrokerProcess, user: str, mark: Mark, remedy: str
) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "cache", "on", ">word", "resetchannels", "-@all", *user.split())

    finding = found(server.url.replace("//", "//cache:word@"))

    assert (finding.mark, finding.remedy) == (mark, remedy)


@pytest.mark.parametrize(
    ("url", "said", "remedy"),
    [
        ("redis://:wordQXZ@127.0.0.1:{dead}", "nothing listens there", "start the server, or correct host and port"),
        ("redis://cache:wordQXZ@127.0.0.1:{port}", "it refuses our user or password", "JITNEY_CACHE_URL"),
        ("redis://cache:word/QXZ@127.0.0.1:{port}", "redis://…: ", "percent-encode"),
        ("http://wordQXZ", "this is no broker's URL", "in JITNEY_CACHE_URL"),
    ],
)
def test_one_that_cannot_be_asked_is_told_without_its_password(
    server: BrokerProcess, url: str, said: str, remedy: str
) -> None:
    finding = found(url.format(dead=free_port(), port=server.port))

    assert finding.mark is Mark.FAIL and said in finding.said and remedy in finding.remedy
    assert "QXZ" not in finding.said + finding.remedy and "JITNEY_REDIS_URL" not in finding.remedy


def test_the_command_looks_at_it_where_front_ends_are_told_of_it(server: BrokerProcess) -> None:
    told = {"JITNEY_CACHE_URL": server.url}
    with broker_process() as broker:
        well = jitney("doctor", url=broker.url, environ=told | SECRET)
        without_secret = jitney("doctor", url=broker.url, environ=told)
        shared = jitney("doctor", "--cache-url", broker.url, url=broker.url, environ=SECRET)

    assert well.code == 0 and "ok       cache: " in well.out and "ok       secret: " in well.out
    assert without_secret.code == 1 and "→ set JITNEY_HASH_SECRET to what `openssl rand -hex 32`" in without_secret.out
    assert shared.code == 1 and "--cache-url names the broker's own server" in shared.out


def test_status_shows_it_and_writes_nothing_there(server: BrokerProcess) -> None:
    told = {"JITNEY_CACHE_URL": server.url}
    with broker_process() as broker:
        well, plain = jitney("status", url=broker.url, environ=told), jitney("status", url=broker.url)
        with server.client() as client:
            assert client.keys() == []
        server.kill()
        away, facts = (jitney("status", *more, url=broker.url, environ=told) for more in ((), ("--json",)))

    assert (well.code, plain.code, away.code) == (0, 0, 0)
    assert "\ncache      " in well.out and "of 64.0 MiB in use, allkeys-lfu" in well.out
    assert "cache" not in plain.out
    assert "! cache: " in away.out and "nothing listens there; start the server" in away.out
    assert json.loads(facts.out)["cache"]["mark"] == "fail"
