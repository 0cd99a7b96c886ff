"""The manifests' own pods, as processes: they answer the README's calls, and are replaced without anybody noticing."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.faults.kit.oracle import check_no_key_left
from tests.faults.kit.pods import Pods, cluster
from tests.faults.kit.report import record
from tests.integration.processes import HOST, JSON, ROOT, request
from tests.manifests import changed, render

README = (ROOT / "README.md").read_text(encoding="utf-8")
SAID = re.compile(r"^(curl -si? http://127\.0\.0\.1:9527/\S+ .*(?:\n  .*)*)(?:\n(\{.*\}))?$", re.MULTILINE)
TEXT = "Life is like a box of chocolates."
RECORDS = [{"id": "123", "text": TEXT}]
CALLS: list[tuple[str, Any]] = [
    ("/translation", {"payload": {"fromLang": "en", "toLang": "ja", "records": RECORDS}}),
    ("/classification", {"payload": {"records": RECORDS}}),
]
FRONT_END, TRANSLATION, CARD = "jitney-front-end", "jitney-batcher-translation", "jitney-batcher-m2m100"
BATCHERS = [TRANSLATION, "jitney-batcher-classification", "jitney-batcher-image-classification"]
TWO = [{"name": TRANSLATION, "count": 2}]  # of one queue
LONGER = (
    '[{"op": "add", "path": "/data/JITNEY_MAX_NEW_TOKENS", "value": "100"}]'  # another revision, with the same answers
)
EACH = 0.2  # seconds between the requests of a caller


@pytest.fixture(scope="module")
def pods() -> Iterator[Pods]:
    with cluster("local", replicas=TWO) as made:
        yield made


def test_there_are_as_many_of_each_as_the_manifests_say(pods: Pods) -> None:
    running = Counter(pods.rendered.app(pod.workload) for pod in pods.all())

    assert running == {FRONT_END: 2, "jitney-batcher": 4}


@pytest.mark.parametrize("front_end", [0, 1])
def test_each_front_end_answers_the_calls_of_the_readme_as_it_says(pods: Pods, front_end: int) -> None:
    here = f"{HOST}:{pods.running[FRONT_END][front_end].ports['http']}"
    calls = [found for found in SAID.findall(README) if "respond-async" not in found[0]]

    assert len(calls) == 4
    for call, said in calls:
        done = subprocess.run(
            call.replace("127.0.0.1:9527", here), shell=True, cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert not said or rounded(json.loads(done.stdout)) == rounded(json.loads(said))
        assert done.stdout.startswith(('{"result":', "server-timing: queue;dur="))


def rounded(answer: Any) -> Any:
    return [{**row, "score": round(row.get("score", 0.0), 4)} for row in answer["result"]]


@dataclass
class Caller:
    """Asks five times a second; a kept connection is left only when its front end says that it will close it."""

    pods: Pods
    keeps: bool
    expected: dict[str, bytes]
    fates: Counter[str] = field(default_factory=Counter)
    models: set[str] = field(default_factory=set)  # with their revisions
    slowest: float = 0.0
    connection: http.client.HTTPConnection | None = None

    def run(self, stopping: threading.Event) -> None:
        while not stopping.wait(EACH):
            for path, body in CALLS:
                began = time.monotonic()
                self.fates[self._fate(path, body)] += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
        self._leave()

    def _fate(self, path: str, body: Any) -> str:
        if self.connection is None:
            self.connection = http.client.HTTPConnection(HOST, random.choice(self.pods.endpoints()), timeout=20.0)
        try:
            self.connection.request("POST", path, json.dumps(body), JSON)
            reply = self.connection.getresponse()
            answer = reply.read()
        except (OSError, http.client.HTTPException) as error:
            self._leave()
            return f"{path}: {error!r}"
        if not self.keeps or reply.getheader("connection", "").lower() == "close":
            self._leave()
        self.models.add(reply.getheader("jitney-model", ""))
        right = reply.status == 200 and answer == self.expected.get(path, answer)
        return "answered" if right else f"{path}: {reply.status} {answer!r}"

    def _leave(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None


@contextlib.contextmanager
def callers(pods: Pods) -> Iterator[list[Caller]]:
    """Two that keep their connection and two that make a new one for each request."""
    port = pods.endpoints()[0]
    expected = {path: answered(port, path, body) for path, body in CALLS}
    made = [Caller(pods, keeps, expected) for keeps in (True, False) * 2]
    stopping = threading.Event()
    threads = [threading.Thread(target=one.run, args=(stopping,)) for one in made]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def answered(port: int, path: str, body: Any) -> bytes:
    connection = http.client.HTTPConnection(HOST, port, timeout=20.0)
    connection.request("POST", path, json.dumps(body), JSON)
    with contextlib.closing(connection), connection.getresponse() as reply:
        assert reply.status == 200
        return reply.read()


def finished(ends: list[Future[None]]) -> None:
    for end in ends:
        end.result()


def revisions(made: list[Caller]) -> set[str]:
    """Of the translation."""
    return {model for one in made for model in list(one.models) if model.startswith("translation@")}


@pytest.mark.timeout(300)  # ten processes start, one after the other, beside those that compute
def test_a_rollout_of_front_ends_and_batchers_and_a_change_of_revision_under_load_fail_no_request(pods: Pods) -> None:
    old = pods.staying(FRONT_END, TRANSLATION)

    with callers(pods) as made:
        finished(pods.roll(FRONT_END) + pods.roll(TRANSLATION))
        before = revisions(made)
        old += pods.staying(TRANSLATION)
        finished(pods.apply(changed("local", replicas=TWO, patches=[settings_of(TRANSLATION, LONGER)])))

    assert [pod.exit_code for pod in old] == [0] * 6
    assert (len(before), len(revisions(made))) == (1, 2)
    asked = sum((one.fates for one in made), Counter[str]())
    assert asked.keys() == {"answered"}, asked
    assert asked["answered"] > 200
    check_no_key_left(pods.system.redis, within=30.0, ended=before)
    record("rollout of the manifests' front ends and batchers: longest wait", max(one.slowest for one in made))


def settings_of(workload: str, patch: str) -> dict[str, Any]:
    return {"target": {"kind": "ConfigMap", "name": workload}, "patch": patch}


def test_a_batcher_of_the_overlay_for_cards_answers_where_it_has_a_processor_and_a_small_model(pods: Pods) -> None:
    gpu = render("gpu")
    weights = gpu.settings(CARD)[1].model.partition(":")[2]
    beside = replace(pods, rendered=gpu, files={weights: ROOT / "demo/translation"}, running={})
    asked = {"payload": {**CALLS[0][1]["payload"], "model": "m2m100-418m"}}

    batcher = beside.start(CARD, JITNEY_DEVICE="cpu")
    beside.wait_ready(batcher)
    pods.wait_seen(len(pods.staying(*BATCHERS)) + 1)
    reply = request("POST", pods.endpoints()[0], "/translation", json.dumps(asked).encode(), JSON)

    assert reply.status == 200, reply.body
    assert reply.headers["jitney-model"].startswith("m2m100-418m@")
    assert reply.json()["result"] == json.loads(answered(pods.endpoints()[0], *CALLS[0]))["result"]
    batcher.terminate()
