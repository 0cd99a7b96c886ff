"""What operators see when things are well and when they are not, by the real command against real processes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from broker.common.free_port import free_port
from broker.embedded import embedded_server
from tests.faults.kit.broker_process import NO_VARIABLES, broker_process
from tests.faults.kit.command import jitney, watching
from tests.faults.kit.poison import POISON, SPEC, meet_poison
from tests.faults.kit.proxied import held
from tests.faults.kit.report import record
from tests.faults.kit.sleeper import GATE, GATED
from tests.faults.kit.traffic import PATH
from tests.integration.stack import Stack, stack
from tests.waiting import until

LEASE = 2.5  # seconds, the default
TROUBLE = re.compile(r"Traceback|Error:")


def body(*texts: str) -> dict[str, Any]:
    return {"payload": {"records": [{"id": text, "text": text} for text in texts]}}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """While this file is there, the batcher of `gated` computes nothing."""
    return tmp_path_factory.mktemp("gate") / "closed"


@pytest.fixture(scope="module")
def gated(gate: Path) -> Iterator[Stack]:
    """A batcher of small batches that a test can hold up: queues and leases are there to be seen."""
    with stack(models=[GATED], max_batch_size=2, **{GATE: gate}) as made:
        yield made


def test_status_shows_queue_lease_and_batcher_in_one_picture(gated: Stack, gate: Path) -> None:
    gate.touch()
    with ThreadPoolExecutor(6) as clients:
        replies = [clients.submit(gated.post, PATH, body(f"{at}")) for at in range(6)]
        try:
            until(lambda: len(held(gated.redis)) == 6, "all are at the broker")
            seen, picture = _status(gated), jitney("status", url=gated.broker.url).out
        finally:
            gate.unlink()
        assert [reply.result().status for reply in replies] == [200] * 6

    [model], [announced] = seen["models"], seen["batchers"]
    waiting, claimed = model["lanes"]["interactive"], model["leases"]
    assert 1 <= claimed["jobs"] <= 4 and 0.0 < claimed["soonest_expiry"] <= LEASE
    assert 1 <= waiting["jobs"] <= 5 and waiting["tokens"] == waiting["jobs"] and 0.0 < waiting["oldest_age"] < 30.0
    assert (announced["room"], announced["live"], announced["model"]) == (2, True, model["model"])
    assert all(word in picture for word in ("interactive", "EXPIRY", announced["host"], model["model"], "noeviction"))


def test_what_is_watched_goes_on_by_itself_when_the_broker_comes_back(tmp_path: Path) -> None:
    with broker_process() as broker, watching(broker.url, tmp_path) as watch:
        watch.sees("models")
        broker.kill()
        watch.sees("error")
        lost = next(look for look in watch.looks() if "error" in look)
        broker.start()
        back = watch.sees("models", after=len(watch.looks()))

        assert watch.is_running
    assert lost["error"]["cause"] == "nothing listens there"
    assert lost["error"]["tried"] == broker.url
    record("jitney status --watch: the broker restarts", back)


@pytest.fixture(scope="module")
def dead() -> Iterator[Stack]:
    """A system that has met a poison."""
    with stack(models=[SPEC], lease=0.5) as made:
        told = meet_poison(made, lambda: made.start_batcher(SPEC, wait=False))
        assert told.json()["code"] == "poison"
        yield made


def test_a_dead_letter_is_listed_by_its_outside_never_by_its_text(dead: Stack) -> None:
    [letter] = jitney("dead", "list", "--json", url=dead.broker.url).json()
    shown = jitney("dead", "list", "--model", "synthetic", url=dead.broker.url)
    of_others = jitney("dead", "list", "--model", "other", url=dead.broker.url)

    assert of_others.out == "no dead letters\n"
    assert letter["attempts"] == 3 and letter["admitted"] < letter["deadline"] and letter["size"] > 85
    assert letter["job_id"] in shown.out and POISON not in shown.all


def test_dropping_an_unknown_dead_letter_says_so_and_fails(dead: Stack) -> None:
    said = jitney("dead", "drop", "0" * 32, url=dead.broker.url)

    assert (said.code, said.out) == (1, "0 dropped\n")
    assert "jitney dead list" in said.err and not TROUBLE.search(said.err)


def test_all_dead_letters_are_dropped_only_by_someone_who_is_sure(dead: Stack) -> None:
    unsure = jitney("dead", "drop", "--all", url=dead.broker.url, typed="n\n")
    [letter] = jitney("dead", "list", "--json", url=dead.broker.url).json()

    by_id = jitney("dead", "drop", letter["job_id"], url=dead.broker.url)
    again = jitney("dead", "drop", "--all", "--yes", url=dead.broker.url)

    assert "1 dead letter" in unsure.err and "dropped" not in unsure.out
    assert (by_id.out, again.out) == ("1 dropped\n", "0 dropped\n")


def test_the_doctor_has_nothing_to_mend_in_a_good_system(gated: Stack) -> None:
    said = jitney("doctor", url=gated.broker.url)

    assert said.code == 0, said.all
    assert "nothing to mend" in said.out and "fail" not in said.out


@pytest.mark.parametrize("command", ["status", "doctor", "dead list"])
def test_a_dead_port_is_told_with_its_remedy(command: str) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"

    said = jitney(*command.split(), url=url)

    assert said.code == 1
    assert "nothing listens there" in said.all and "start the broker" in said.all and url in said.all
    assert not TROUBLE.search(said.all)


def test_the_doctor_names_the_remedy_for_a_policy_that_evicts() -> None:
    with embedded_server(tcp=True, options=["--maxmemory-policy", "allkeys-lru"], environ=NO_VARIABLES) as broker:
        said = jitney("doctor", url=broker.url)

    assert said.code == 1
    assert "allkeys-lru" in said.out and "CONFIG SET maxmemory-policy noeviction" in said.out


def test_the_doctor_names_what_a_weak_user_lacks() -> None:
    rules = ["--user", "weak", "on", ">word", "~*", "+ping", "+eval", "+evalsha", "+info", "+get"]
    with embedded_server(tcp=True, options=[*rules, "+eval_ro", "+evalsha_ro"], environ=NO_VARIABLES) as broker:
        said = jitney("doctor", "--role", "batcher", url=broker.url.replace("//", "//weak:word@"))

    [finding] = [line for line in said.out.splitlines() if line.startswith("fail")]
    assert said.code == 1
    assert "user weak may not act as batcher: it lacks" in finding and "time" in finding
    assert "docs/acl/users.acl" in said.out


def test_the_doctor_tells_a_user_who_may_not_ask_for_its_rights_what_that_takes() -> None:
    rules = ["--user", "weak", "on", ">word", "~*", "+ping", "+eval", "+evalsha", "+info", "+time"]
    with embedded_server(tcp=True, options=rules, environ=NO_VARIABLES) as broker:
        said = jitney("doctor", "--role", "batcher", url=broker.url.replace("//", "//weak:word@"))

    [finding] = [line for line in said.out.splitlines() if line.startswith("fail")]
    assert finding.endswith("it lacks eval_ro on jitney:{default}:4:epoch, evalsha_ro on jitney:{default}:4:epoch")


def test_the_doctor_names_what_has_been_disabled() -> None:
    options = ["--rename-command", "LTRIM", "", "--rename-command", "SCAN", ""]
    with embedded_server(tcp=True, options=options, environ=NO_VARIABLES) as broker:
        said, status = jitney("doctor", url=broker.url), jitney("status", url=broker.url)

    [finding] = [line for line in said.out.splitlines() if line.startswith("fail")]
    assert (said.code, status.code) == (1, 1)
    assert "ltrim, scan" in finding and "rename-command" in said.out
    assert "does not know the command SCAN" in status.err


def test_a_front_end_logs_what_it_tried_and_recovers_when_the_broker_does() -> None:
    with broker_process() as broker, stack(broker=broker.server) as system:
        broker.kill()
        until(lambda: _broker_check(system)["ok"] is False, "the front end has noticed")
        told = _broker_check(system)["detail"]
        broker.start()
        seconds = until(lambda: _broker_check(system)["ok"], "it answers again", within=20.0)

        said = system.front_ends[0].stderr()

    assert re.fullmatch(r"does not answer, for \d+ s", told)
    assert f"{broker.url}: nothing listens there" in said or "it cut the connection" in said
    record("/readyz: the broker restarts", seconds)


def _broker_check(system: Stack) -> Any:
    checks = system.get("/readyz").json()["checks"]
    return next(check for check in checks if check["name"] == "broker")


def _status(system: Stack) -> Any:
    return jitney("status", "--json", url=system.broker.url).json()
