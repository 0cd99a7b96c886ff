"""Requests to a toy model of several revisions, and shares of them that are set as an operator would."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import msgspec
import openai
from typer.testing import CliRunner, Result

from broker.admin.redis import connect_admin
from broker.admin.rights import Role
from broker.credentials.api_key import new_key
from broker.credentials.credential import Credential
from broker.keys import Keys
from broker.messages import WHOLE
from broker.registry import decode_traffic
from jitney.cli import app
from tests.contract.users import url_as
from tests.faults.kit.batches import line
from tests.integration.processes import FrontEnd, Reply
from tests.integration.stack import NAMESPACE, Stack
from tests.waiting import until

PATH = "/models/toy"
BODY = {"payload": {"records": [{"id": 1, "text": "word1 word2 word3"}]}}
SHARES = re.compile(r'^jitney_traffic_share_ratio\{model="toy",revision="(\w+)"\} (\S+)$', re.MULTILINE)
ANSWERED = re.compile(r'^jitney_records_answered_total\{model="toy",revision="(\w+)"\} (\S+)$', re.MULTILINE)


def jitney(system: Stack, *arguments: str) -> Result:
    """As a process of its own would run it, without waiting for one to start."""
    return CliRunner().invoke(app, arguments, env={"JITNEY_REDIS_URL": url_as(Role.OPERATOR, system.broker.url)})


def traffic(system: Stack, *arguments: str) -> Result:
    """`jitney traffic`, and until every front end goes by what was set."""
    said = jitney(system, "traffic", *arguments)
    kept: Any = system.redis.hget(Keys(NAMESPACE).traffic, "toy")
    wanted = {name: parts / WHOLE for name, parts in decode_traffic(kept).shares.items()} if kept else {}
    running = [one for one in system.front_ends if one.exit_code is None]
    system.until(lambda: all(counted(one, SHARES) == wanted for one in running), f"front ends go by {wanted}")
    return said


def counted(front_end: FrontEnd, what: re.Pattern[str]) -> dict[str, float]:
    """By revision."""
    return {revision: float(value) for revision, value in what.findall(front_end.metrics())}


def answered(*front_ends: FrontEnd) -> Counter[str]:
    """Records by the revision that answered them."""
    found = Counter[str]()
    for front_end in front_ends:
        found.update({revision: int(value) for revision, value in counted(front_end, ANSWERED).items()})
    return found


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


def result(front_end: FrontEnd, taken: Reply) -> Reply:
    return front_end.get(f"{taken.headers['location']}/result?wait=30", timeout=40.0)


def with_keys(system: Stack, count: int) -> list[dict[str, str]]:
    """The headers of so many callers, each with a key that the broker knows."""
    keys = [new_key() for _ in range(count)]
    with closing(connect_admin(url_as(Role.OPERATOR, system.broker.url), NAMESPACE)) as admin:
        for key in keys:
            kept = msgspec.json.encode(Credential(id=key.id, hash=key.hash, name="toy"))
            assert admin.change_credential(key.id, b"", kept)
    return [{"Authorization": f"Bearer {key.text}"} for key in keys]


def batch_of(front_end: FrontEnd, caller: Mapping[str, str], count: int) -> Counter[str]:
    """Who answered a batch of so many lines of this caller."""
    before, key = answered(front_end), caller["Authorization"].removeprefix("Bearer ")
    lines = b"".join(json.dumps(line(str(number), "word1", PATH)).encode() + b"\n" for number in range(count))
    with openai.OpenAI(base_url=f"{front_end.url}/v1", api_key=key) as client:
        file = client.files.create(file=("in.jsonl", lines), purpose="batch")
        window: Any = {"endpoint": PATH, "completion_window": "24h"}
        batch = client.batches.create(input_file_id=file.id, **window)
        until(lambda: client.batches.retrieve(batch.id).status == "completed", "the batch has ended", within=30.0)
    return answered(front_end) - before
