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
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.faults.kit.pods import Pods, cluster
from tests.faults.kit.report import record
from tests.integration.processes import HOST, JSON, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SAID = re.compile(r"^(curl -si? http://127\.0\.0\.1:9527/\S+ .*(?:\n  .*)*)(?:\n(\{.*\}))?$", re.MULTILINE)
TEXT = "Life is like a box of chocolates."
RECORDS = [{"id": "123", "text": TEXT}]
CALLS = [
    ("/translation", {"payload": {"fromLang": "en", "toLang": "ja", "records": RECORDS}}),
    ("/classification", {"payload": {"records": RECORDS}}),
]
EACH = 0.2  # seconds between the requests of a caller


@pytest.fixture(scope="module")
def pods() -> Iterator[Pods]:
    with cluster("local") as made:
        yield made


def test_there_are_two_front_ends_and_a_batcher_for_each_demo_model(pods: Pods) -> None:
    running = Counter(pods.rendered.app(pod.workload) for pod in pods.all())

    assert running == {"jitney-front-end": 2, "jitney-batcher": 3}


@pytest.mark.parametrize("front_end", [0, 1])
def test_each_front_end_answers_the_calls_of_the_readme_as_it_says(pods: Pods, front_end: int) -> None:
    here = f"{HOST}:{pods.running['jitney-front-end'][front_end].ports['http']}"
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


def test_a_rollout_of_front_ends_and_batchers_under_load_fails_no_request(pods: Pods) -> None:
    old = [pod for pod in pods.all() if pod.workload != "jitney-batcher-image-classification"]

    with callers(pods) as made:
        ends = [end for pod in {one.workload: one for one in old}.values() for end in pods.roll(pod.workload)]
        for end in ends:
            end.result()

    assert [pod.exit_code for pod in old] == [0, 0, 0, 0]
    asked = sum((one.fates for one in made), Counter[str]())
    assert asked.keys() == {"answered"}, asked
    assert asked["answered"] > 200
    record("rollout of the manifests' front ends and batchers: longest wait", max(one.slowest for one in made))
