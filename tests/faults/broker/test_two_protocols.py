"""Two deployments of two protocols on one server, in one namespace: they never meet, and one may replace the other."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from broker.embedded import embedded_server
from broker.keys import PROTOCOL
from tests.faults.kit.command import jitney
from tests.faults.kit.oracle import KEYS, check_answers, check_nothing_left, leftovers
from tests.faults.kit.revisions import revision
from tests.faults.kit.traffic import Balancer, Call, ask, traffic, wait_for_more
from tests.integration.processes import ROOT
from tests.integration.stack import Stack, stack
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)
BEFORE = "4b6691cd7ce2"  # the last revision that spoke protocol 1
# Two models of one name: an answer's revision tells whose it is.
OLD, NEW = (f"tests.faults.kit.own_models:{name},name=synthetic" for name in ("Before", "After"))
OLD_KEYS = "keys of protocol 1 are there: an older deployment"
PAGE = ROOT / "docs" / "upgrade.md"
RATE = 100.0  # requests a second, to each


@dataclass(frozen=True, slots=True)
class Pair:
    """Both, on one server."""

    old: Stack
    new: Stack

    @property
    def urls(self) -> list[str]:
        return [*self.old.urls, *self.new.urls]


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    root = revision(BEFORE, tmp_path_factory.mktemp("before"))
    with (
        embedded_server(tcp=True) as broker,
        stack([], 0, broker=broker, root=root, lease=0.6) as old,
        stack([], 0, broker=broker, lease=0.6) as new,
    ):
        for system, spec in ((old, OLD), (new, NEW)):
            system.start_batcher(spec, wait=False)
            system.start_front_end(wait=False)
        for system in (old, new):
            system.wait_ready(system.front_ends[0])
            system.wait_live()
        yield Pair(old, new)


def answered_by(calls: Sequence[Call]) -> set[str]:
    """The revisions of the models."""
    assert check_answers(calls) == {200: len(calls)}
    return {call.model for call in calls}


def left_by_the_old(pair: Pair) -> list[str]:
    kept = (f"{PROTOCOL}:", "history")  # the history is no protocol's
    return [key for key in leftovers(pair.old.redis, KEYS.root) if not key.startswith(kept)]


def lose_a_batcher(system: Stack, spec: str) -> None:
    """kill -9 under load; what it held is another's."""
    system.start_batcher(spec, wait=False)
    system.wait_live(2)
    system.batchers[0].kill()


def test_under_load_each_is_answered_by_its_own_batcher_and_nothing_is_left(pair: Pair) -> None:
    with traffic(pair.old.urls, rate=RATE) as of_old, traffic(pair.new.urls, rate=RATE) as of_new:
        wait_for_more(of_old, 100)
        lose_a_batcher(pair.old, OLD)
        lose_a_batcher(pair.new, NEW)
        for calls in (of_old, of_new):
            wait_for_more(calls, 100)

    by_old, by_new = answered_by(of_old), answered_by(of_new)
    assert (len(by_old), len(by_new), by_old & by_new) == (1, 1, set())
    check_nothing_left(pair.new)
    until(lambda: not left_by_the_old(pair), "the old one leaves nothing behind")


def test_the_new_one_takes_the_place_of_the_old_and_nobody_notices(pair: Pair) -> None:
    with Balancer(lambda: pair.urls).looking() as balancer, traffic(balancer.ready, rate=2 * RATE) as calls:
        wait_for_more(calls, 200)
        assert pair.old.front_ends[0].stop() == 0
        assert pair.old.batchers[0].stop() == 0
        wait_for_more(calls, 200)

    assert len(answered_by(calls)) == 2
    assert len({call.model for call in calls[-100:]}) == 1
    assert left_by_the_old(pair) == []
    assert OLD_KEYS in jitney("doctor", url=pair.new.broker.url).out


def test_what_the_page_says_tidies_up_behind_the_old_one_and_harms_nothing_else(pair: Pair) -> None:
    tidy = next(line for line in PAGE.read_text().splitlines() if line.startswith("redis-cli --scan"))
    if shutil.which("redis-cli") is None:
        pytest.skip("no redis-cli here")
    for child in (*pair.old.front_ends, *pair.old.batchers):
        assert child.stop() == 0
    assert OLD_KEYS in jitney("doctor", url=pair.new.broker.url).out

    of_all = {KEYS.credentials: b"hash", KEYS.history: b"list", KEYS.history_state: b"hash"}
    for key, kind in of_all.items():
        pair.new.redis.rpush(key, "row") if kind == b"list" else pair.new.redis.hset(key, "#version", "1")
    port = urlsplit(pair.new.broker.url).port
    subprocess.run(["sh", "-c", tidy.replace("redis-cli", f"redis-cli -p {port}")], check=True, timeout=30.0)

    assert OLD_KEYS not in jitney("doctor", url=pair.new.broker.url).out
    assert {key: pair.new.redis.type(key) for key in of_all} == of_all
    pair.new.redis.delete(*of_all)
    check_answers(ask(pair.new.urls, 20))
    check_nothing_left(pair.new)
