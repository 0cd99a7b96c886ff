"""A key is nowhere but with its holder: no line, no metric, no answer, no list of processes shows it; and what is under
way when it is revoked ends."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
from contextlib import ExitStack, closing
from pathlib import Path

from broker.credentials.api_key import new_key
from broker.embedded import embedded_server
from tests.faults.kit.broker_process import NO_VARIABLES
from tests.faults.kit.keys import PATH, SEEN, add, ask, bearer, id_of, keyed_stack, keys, until_status
from tests.waiting import until

RECORDS = 30


def test_a_key_that_is_revoked_during_a_stream_ends_it_and_begins_none() -> None:
    with (
        embedded_server(tcp=True, environ=NO_VARIABLES) as broker,
        keyed_stack(broker, "synthetic:100ms+0ms", max_batch_size=1) as system,
        ExitStack() as closed,
    ):
        [front_end] = system.front_ends
        key = add(broker.url, "alice")
        until_status(front_end, key, 200)
        connection = closed.enter_context(
            closing(http.client.HTTPConnection("127.0.0.1", front_end.port, timeout=30.0))
        )
        records = [{"id": number, "text": "ab"} for number in range(RECORDS)]
        headers = bearer(key) | {"Accept": "application/x-ndjson", "Content-Type": "application/json"}
        connection.request("POST", PATH, json.dumps({"payload": {"records": records}}).encode(), headers)
        answer = connection.getresponse()
        rows = [answer.readline()]

        assert keys(broker.url, "revoke", id_of(key)).code == 0
        # Asked where no batcher is waited for: the stream's own jobs are before any other of this caller.
        until(lambda: front_end.get("/v1/models", bearer(key)).status == 401, "the key is not taken", within=SEEN)
        rows += answer.readlines()
        answer.close()

        told = [json.loads(row) for row in rows if row.strip()]
        assert len(told) == RECORDS + 1
        assert all("text" in row for row in told[:-1])
        assert told[-1]["done"] is True
        assert ask(front_end, key).status == 401


def test_no_key_is_in_a_line_a_metric_an_answer_or_a_list_of_processes() -> None:
    with embedded_server(tcp=True, environ=NO_VARIABLES) as broker, keyed_stack(broker) as system:
        [front_end] = system.front_ends
        seen: list[str] = []
        ended = threading.Event()
        watching = threading.Thread(target=processes_seen, args=(seen, ended))
        watching.start()
        try:
            good = add(broker.url, "alice", "--limits", "2 requests/min")
            rotated = keys(broker.url, "rotate", id_of(good)).out.strip()
            until_status(front_end, rotated, 200)
            wrong = new_key().text
            shown = ""
            for key in (good, rotated, wrong):
                for how in (bearer(key), {"X-API-Key": key}, {"Authorization": f"DeepL-Auth-Key {key}"}):
                    shown += whole(ask(front_end, headers=how))
                shown += whole(front_end.post(f"{PATH}?api_key={key}", {}))
                shown += whole(front_end.post("/translate", {"q": "a", "source": "en", "target": "de", "api_key": key}))
                shown += whole(front_end.get(f"/v1/models?api_key={key}"))
                shown += whole(front_end.get("/readyz", bearer(key)))
        finally:
            ended.set()
            watching.join()
        shown += front_end.metrics() + system.outputs() + "".join(seen)
        shown += keys(broker.url, "list").all + keys(broker.url, "list", "--json").all
        shown += "".join(map(str, system.redis.hgetall("jitney:{default}:keys").values()))

        assert id_of(good) in shown
        assert "jitney keys add alice" in "".join(seen)
        for key in (good, rotated, wrong):
            assert key.rpartition("_")[2][:32] not in shown


def whole(reply) -> str:
    return f"{reply.headers}{reply.body!r}"


def processes_seen(seen: list[str], ended: threading.Event) -> None:
    """What `ps` shows, again and again."""
    while not ended.wait(0.02):
        seen.append(subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout)


def test_a_file_of_keys_lets_in_and_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    with embedded_server(tcp=True, environ=NO_VARIABLES) as broker:
        first = add(broker.url, "alice", "--file", str(path))
        with keyed_stack(broker, api_keys=str(path)) as system:
            [front_end] = system.front_ends
            assert ask(front_end, first).status == 200
            second = add(broker.url, "bob", "--file", str(path))
            until_status(front_end, second, 200)

            keys(broker.url, "revoke", id_of(first), "--file", str(path))
            until_status(front_end, first, 401)
            path.write_text("nonsense\n")
            until(lambda: "keys unreadable" in front_end.stderr(), "the broken file is told of")

            assert ask(front_end, second).status == 200
            assert [second.rpartition("_")[2][:32] in text for text in (path.read_text(), front_end.stderr())] == [0, 0]


def test_a_front_end_for_everybody_says_so_where_others_reach_it() -> None:
    with embedded_server(tcp=True, environ=NO_VARIABLES) as broker, keyed_stack(broker, api_keys="off") as system:
        open_one = system.start_front_end(JITNEY_HOST="0.0.0.0", wait=False)
        until(lambda: "listening" in open_one.stderr(), "it listens", within=30.0)

        assert ask(system.front_ends[0]).status == 200
        assert "open to everybody" not in system.front_ends[0].stderr()
