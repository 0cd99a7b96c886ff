"""Shares of a model's requests, on real processes: two revisions, two front ends, and `jitney traffic`."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from broker.admin.redis import connect_admin
from broker.admin.rights import Role
from broker.credentials.api_key import new_key
from broker.credentials.credential import Credential
from jitney.cli import app
from tests.contract.users import url_as
from tests.integration.processes import FrontEnd, Reply
from tests.integration.stack import NAMESPACE, Stack, stack

OLD, NEW = ("tests.integration.toy_vocabularies:" + name for name in ("Old", "New"))
PATH = "/models/toy"
BODY = {"payload": {"records": [{"id": 1, "text": "word1 word2 word3"}]}}
FOLLOWED = 2.0  # seconds after which every front end goes by what was set
PATIENCE = 20.0  # seconds of silence after which a batcher is given up: longer than a test lets one hang
CALLERS = 40

pytestmark = pytest.mark.timeout(120)  # on a machine that others use as well


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with stack(models=[], front_ends=2) as made:
        for spec in (OLD, NEW):
            made.start_batcher(spec, name="toy", lease=PATIENCE)
        made.wait_live(2)
        yield made


@pytest.fixture(scope="module")
def revisions(system: Stack) -> tuple[str, str]:
    """The old one and the new one."""
    (model,) = system.get("/v1/models").json()["models"]
    new, old = (one["revision"] for one in model["revisions"])
    return old, new


@pytest.fixture(autouse=True)
def no_shares(system: Stack) -> Iterator[None]:
    yield
    traffic(system, "toy", "--clear")


def jitney(system: Stack, *arguments: str) -> Result:
    """As a process of its own would run it, without waiting for one to start."""
    return CliRunner().invoke(app, arguments, env={"JITNEY_REDIS_URL": url_as(Role.OPERATOR, system.broker.url)})


def traffic(system: Stack, *arguments: str) -> Result:
    """And until front ends have followed."""
    said = jitney(system, "traffic", *arguments)
    time.sleep(FOLLOWED)
    return said


def whose(reply: Reply) -> str:
    """The revision that answered."""
    assert reply.status == 200, reply.body
    return reply.headers["jitney-model"].partition("@")[2]


def ask(front_end: FrontEnd, headers: Mapping[str, str] | None = None, path: str = PATH) -> Reply:
    return front_end.post(path, BODY, headers)


def asked(system: Stack, count: int, path: str = PATH) -> Counter[str]:
    """Who answered so many requests, at both front ends."""
    with ThreadPoolExecutor(16) as clients:
        replies = clients.map(lambda at: ask(system.front_ends[at % 2], path=path), range(count))
        return Counter(map(whose, replies))


def test_a_revision_gets_its_share_of_a_thousand_requests(system: Stack, revisions: tuple[str, str]) -> None:
    old, new = revisions

    said = traffic(system, "toy", f"{new[:6]}=10%")
    found = asked(system, 1_000)

    assert said.exit_code == 0 and said.stdout.splitlines()[1].split()[1:3] == [new, "10%"], said.output
    sigmas = 3 * (1_000 * 0.1 * 0.9) ** 0.5
    assert found == {new: pytest.approx(100, abs=sigmas), old: pytest.approx(900, abs=sigmas)}
    counted = [line for line in system.front_ends[0].metrics().splitlines() if "jitney_traffic_requests_total" in line]
    assert any(f'code="ok",model="toy",revision="{new}"' in line for line in counted)
    status = json.loads(jitney(system, "status", "--json").stdout)
    assert [one["share"] for one in status["traffic"]["toy"]["revisions"]] == [0.1, None]


def test_what_is_cleared_goes_by_room_again(system: Stack, revisions: tuple[str, str]) -> None:
    old, new = revisions
    traffic(system, "toy", f"{new}=100%")
    before = asked(system, 40)

    traffic(system, "toy", "--clear")

    assert (before, asked(system, 40)) == ({new: 40}, {old: pytest.approx(20, abs=3), new: pytest.approx(20, abs=3)})


def test_a_revision_that_is_named_answers_whatever_the_shares_are(system: Stack, revisions: tuple[str, str]) -> None:
    old, new = revisions
    traffic(system, "toy", f"{new}=100%")

    assert asked(system, 20, f"{PATH}@{old}") == {old: 20}


def test_streams_and_predictions_go_by_the_same_shares(system: Stack, revisions: tuple[str, str]) -> None:
    for revision in revisions:
        traffic(system, "toy", f"{revision}=100%")

        streams = [ask(system.front_ends[0], {"Accept": "application/x-ndjson"}) for _ in range(4)]
        taken = [ask(system.front_ends[0], {"Prefer": "respond-async"}) for _ in range(4)]
        results = [system.front_ends[1].get(f"{one.headers['location']}/result?wait=20", timeout=30.0) for one in taken]

        assert {whose(reply) for reply in streams + results} == {revision}


def test_shares_that_change_under_load_fail_no_request(system: Stack, revisions: tuple[str, str]) -> None:
    old, new = revisions
    over, replies = threading.Event(), list[Reply]()

    def keep_asking(worker: int) -> None:
        while not over.is_set():
            replies.append(ask(system.front_ends[worker % 2]))

    with ThreadPoolExecutor(4) as clients:
        workers = [clients.submit(keep_asking, worker) for worker in range(4)]
        try:
            for share in (f"{new}=90%", f"{old}=100%", "--clear"):
                traffic(system, "toy", share)
        finally:
            over.set()
        for worker in workers:
            worker.result()

    assert len(replies) > 60
    assert {reply.status for reply in replies} == {200}


def with_keys(system: Stack, count: int) -> list[dict[str, str]]:
    """The headers of so many callers, each with a key that the broker knows."""
    keys = [new_key() for _ in range(count)]
    with closing(connect_admin(url_as(Role.OPERATOR, system.broker.url), NAMESPACE)) as admin:
        for key in keys:
            kept = msgspec.json.encode(Credential(id=key.id, hash=key.hash, name="toy"))
            assert admin.change_credential(key.id, b"", kept)
    return [{"Authorization": f"Bearer {key.text}"} for key in keys]


def test_a_caller_keeps_its_revision_and_a_larger_share_only_brings_callers_towards_it(
    system: Stack, revisions: tuple[str, str]
) -> None:
    old, new = revisions
    callers = with_keys(system, CALLERS)
    front_end = system.start_front_end(api_keys="on")

    def sides() -> list[str]:
        with ThreadPoolExecutor(8) as clients:
            return list(clients.map(lambda caller: whose(ask(front_end, caller)), callers))

    traffic(system, "toy", f"{new}=30%", "--sticky", "caller")
    system.until(lambda: ask(front_end, callers[-1]).status == 200, "keys are known")
    before, again = sides(), sides()
    traffic(system, "toy", f"{new}=70%", "--sticky", "caller")
    after = sides()
    front_end.stop()

    assert before == again
    assert set(before) == {old, new}
    assert {(was, now) for was, now in zip(before, after, strict=True) if was != now} == {(old, new)}


def test_where_a_revision_has_no_room_for_its_share_nobody_is_refused(
    system: Stack, revisions: tuple[str, str]
) -> None:
    old, new = revisions
    front_end = system.start_front_end(max_queue_jobs=40)
    traffic(system, "toy", f"{new}=100%")
    system.batchers[1].pause()
    try:
        with ThreadPoolExecutor(64) as clients:  # forty, and a claim, may wait for the one that hangs
            answers = [clients.submit(ask, front_end) for _ in range(64)]
            first = next(as_completed(answers)).result()
            system.batchers[1].resume()
    finally:
        system.batchers[1].resume()
        front_end.stop()

    assert whose(first) == old
    assert {answer.result().status for answer in answers} == {200}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("nobody", "0=1%"), "no model is called 'nobody'; these are: toy", id="a model that is none"),
        pytest.param(("toy", "zz=1%"), "no revision of toy begins with 'zz'", id="a revision that is none"),
        pytest.param(("toy", "=1%"), "REVISION=10%", id="a share that is none"),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(system: Stack, arguments: Any, said: str) -> None:
    answer = jitney(system, "traffic", *arguments)

    assert (answer.exit_code, said in answer.output) == (2, True), answer.output
    assert "no model has shares" in jitney(system, "traffic").stdout


def test_a_revision_that_does_not_live_yet_is_warned_of_and_gets_its_share_when_it_does(
    system: Stack, revisions: tuple[str, str]
) -> None:
    old, new = revisions
    gone = "0" * 12

    answer = traffic(system, "toy", f"{gone}=100%")

    assert answer.exit_code == 0 and f"toy@{gone} has no live batcher: the others get its 100%" in answer.output
    assert asked(system, 10).keys() == {old, new}
    assert f"100% of its requests are meant for {gone}" in jitney(system, "doctor").stdout
