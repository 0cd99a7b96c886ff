"""What operators are told of keys and callers on real processes: by status, by the doctor, by metrics."""

from __future__ import annotations

from pathlib import Path

from broker.embedded import embedded_server
from tests.faults.kit.broker_process import NO_VARIABLES
from tests.faults.kit.command import jitney
from tests.faults.kit.keys import add, ask, id_of, keyed_stack, keys, until_status
from tests.waiting import until

ON = {"JITNEY_API_KEYS": "on"}


def samples(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_operators_see_who_is_refused_by_which_limit_and_never_a_key() -> None:
    with embedded_server(tcp=True, environ=NO_VARIABLES) as broker, keyed_stack(broker) as system:
        [front_end] = system.front_ends
        alice, bob = add(broker.url, "alice", "--limits", "3 requests/h"), add(broker.url, "bob", "--weight", "3")
        until_status(front_end, bob, 200)
        answers = [ask(front_end, alice).status for _ in range(5)]

        told = jitney("status", "--json", url=broker.url)
        shown = jitney("status", url=broker.url)
        metrics = samples(front_end.metrics())

        assert answers == [200, 200, 200, 429, 429]
        first, second = told.json()["callers"]["callers"]
        assert (first["id"], first["name"]) == (id_of(alice), "alice")
        assert first["limits"] == [{"policy": "requests", "quota": 3, "left": 0, "refused": 2}]
        assert (second["name"], second["weight"], second["limits"]) == ("bob", 3, [])
        assert "3 requests/h" in shown.out
        rejected = f'jitney_caller_requests_rejected_total{{caller="{id_of(alice)}",reason="rate_limited"}}'
        assert metrics[rejected] == 2
        assert metrics["jitney_keys_known"] == 2
        assert metrics["jitney_keys_age_seconds"] < 3
        for key in (alice, bob):
            secret = key.rpartition("_")[2][:32]
            assert secret not in told.all + shown.all + front_end.metrics()


def test_the_doctor_says_that_keys_are_gone_and_that_they_would_not_outlive_a_restart(tmp_path: Path) -> None:
    with embedded_server(tcp=True, environ=NO_VARIABLES) as broker:
        none = jitney("doctor", url=broker.url, environ=ON)
        add(broker.url, "alice", "--expires", "3d", "--limits", "600 jobs/min, 500 jobs/day")
        some = jitney("doctor", url=broker.url, environ=ON)
        file = jitney("doctor", "--api-keys", str(tmp_path / "keys.jsonl"), url=broker.url)

        assert none.code == 1
        assert "let nobody in" in none.out
        assert some.code == 0, some.all
        assert "AOF is off: a restart of the broker loses them all" in some.out
        assert "expires within 14 days" in some.out
        assert "can never have 600 jobs/min" in some.out
        assert file.code == 1
        assert "No such file" in file.out


def test_where_keys_are_off_nobody_is_told_of_them() -> None:
    with embedded_server(tcp=True, environ=NO_VARIABLES) as broker, keyed_stack(broker, api_keys="off") as system:
        [front_end] = system.front_ends
        until(lambda: ask(front_end).status == 200, "it answers")

        shown, examined = jitney("status", url=broker.url), jitney("doctor", url=broker.url)

        assert "key" not in shown.out.lower()
        assert "keys" not in examined.out.replace("other keys", "")
        assert not [name for name in samples(front_end.metrics()) if name.startswith(("jitney_keys", "jitney_caller"))]
        assert keys(broker.url, "list").out == "there is no key\n"
