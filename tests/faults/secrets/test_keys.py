"""API keys among real processes: who is let in, who is let in no more, and what a broker that forgets them means."""

from __future__ import annotations

import time

import pytest

from broker.credentials.api_key import new_key
from broker.embedded import embedded_server
from tests.faults.kit.broker_process import DURABLE, NO_VARIABLES, broker_process
from tests.faults.kit.keys import SEEN, add, ask, bearer, id_of, keyed_stack, keys, until_status
from tests.integration.processes import FrontEnd
from tests.waiting import until

FLOOD = 10_000


def test_a_key_lets_in_until_it_is_revoked() -> None:
    with embedded_server(tcp=True, environ=NO_VARIABLES) as broker, keyed_stack(broker) as system:
        [front_end] = system.front_ends
        key = add(broker.url, "alice")
        until_status(front_end, key, 200)

        assert ask(front_end).status == 401
        assert keys(broker.url, "revoke", id_of(key)).code == 0

        assert until_status(front_end, key, 401) < SEEN


def test_a_rotated_key_and_the_one_before_it_let_in_while_the_grace_lasts() -> None:
    with embedded_server(tcp=True, environ=NO_VARIABLES) as broker, keyed_stack(broker) as system:
        [front_end] = system.front_ends
        first = add(broker.url, "alice")
        second = keys(broker.url, "rotate", id_of(first)).out.strip()

        until_status(front_end, second, 200)
        assert ask(front_end, first).status == 200
        third = keys(broker.url, "rotate", id_of(first), "--grace", "0s").out.strip()
        until_status(front_end, third, 200)

        assert [ask(front_end, key).status for key in (first, second)] == [401, 401]


def test_an_expired_key_lets_nobody_in() -> None:
    with embedded_server(tcp=True, environ=NO_VARIABLES) as broker, keyed_stack(broker) as system:
        [front_end] = system.front_ends
        key = add(broker.url, "alice", "--expires", "4s")

        until_status(front_end, key, 200)

        until_status(front_end, key, 401, within=6.0)


def test_a_broker_that_keeps_its_data_keeps_the_keys() -> None:
    with broker_process(*DURABLE) as broker, keyed_stack(broker.server) as system:
        [front_end] = system.front_ends
        key = add(broker.url, "alice")
        until_status(front_end, key, 200)
        time.sleep(1.1)  # the log is written every second

        broker.restart(keep_data=True)

        until(lambda: readyz(front_end)["status"] == "ok", "the broker is back", within=30.0)
        assert ask(front_end, key).status == 200


def test_while_the_broker_is_away_the_keys_are_still_known() -> None:
    with broker_process(*DURABLE) as broker, keyed_stack(broker.server) as system:
        [front_end] = system.front_ends
        key = add(broker.url, "alice")
        until_status(front_end, key, 200)

        broker.kill()

        until_status(front_end, key, 503, within=10.0)  # for the broker is away
        assert ask(front_end, new_key().text).status == 401


def test_a_broker_that_came_back_without_its_data_lets_nobody_in_and_the_reason_is_told() -> None:
    with broker_process() as broker, keyed_stack(broker.server) as system:
        [front_end] = system.front_ends
        key = add(broker.url, "alice")
        until_status(front_end, key, 200)

        broker.restart(keep_data=False)
        until(lambda: "no keys" in front_end.stderr(), "the loss is in the log", within=30.0)

        assert until_status(front_end, key, 503, within=10.0) >= 0
        assert ask(front_end).status == 401
        assert "jitney keys add" in ask(front_end, key).json()["detail"]
        [told] = [check for check in readyz(front_end)["checks"] if check["name"] == "keys"]
        assert not told["ok"]
        assert "nobody is let in" in told["detail"]

        again = add(broker.url, "alice")
        until_status(front_end, again, 200, within=10.0)
        assert ask(front_end, key).status == 401


def test_a_flood_of_wrong_keys_costs_the_broker_nothing_and_no_lines() -> None:
    with embedded_server(tcp=True, environ=NO_VARIABLES) as broker, keyed_stack(broker) as system:
        [front_end] = system.front_ends
        key = add(broker.url, "alice")
        until_status(front_end, key, 200)
        quiet = commands_while(system.redis, lambda: time.sleep(3.0)) / 3.0
        lines = len(front_end.stderr().splitlines())
        began = time.monotonic()

        busy = commands_while(system.redis, lambda: flood(front_end))

        took = time.monotonic() - began
        assert busy <= 1.5 * quiet * took + 20
        assert len(front_end.stderr().splitlines()) - lines <= 2 + took / 10
        assert ask(front_end, key).status == 200


def flood(front_end: FrontEnd) -> None:
    """Half are no keys at all, half are somebody's who does not exist; over one connection, as fast as it goes."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", front_end.port, timeout=10.0)
    for number in range(FLOOD):
        sent = new_key().text if number % 2 else "jit_guess"
        connection.request("POST", "/models/synthetic", b"{}", bearer(sent) | {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 401
        assert answer.getheader("WWW-Authenticate") == "Bearer"
    connection.close()


def commands_while(client, work) -> int:
    before = client.info("stats")["total_commands_processed"]
    work()
    return client.info("stats")["total_commands_processed"] - before - 1


def readyz(front_end: FrontEnd):
    return front_end.get("/readyz").json()


@pytest.mark.parametrize("command", [("add", "alice"), ("rotate", "ID")])
def test_a_key_is_printed_on_standard_output_alone(command: tuple[str, str]) -> None:
    with embedded_server(tcp=True, environ=NO_VARIABLES) as broker:
        id = id_of(add(broker.url, "before"))

        said = keys(broker.url, *(id if word == "ID" else word for word in command))

        assert said.out.startswith("jit_")
        assert said.out.count("\n") == 1
        assert said.out.strip() not in said.err
        assert said.out.strip().rpartition("_")[2] not in keys(broker.url, "list").all
        assert said.out.strip().rpartition("_")[2][:32] not in keys(broker.url, "list", "--json").all
