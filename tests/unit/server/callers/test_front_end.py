"""A front end that asks for keys, address by address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from broker.contract import StoredCredentials
from broker.credentials.api_key import ApiKey, new_key
from broker.credentials.credential import Credential, encode_credential
from server.callers.identification import UNKNOWN
from tests.unit.server.libretranslate.translating import M2M, Translating
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, announced, card, running, told

pytestmark = pytest.mark.anyio
ALICE, LIMITED, ADMIN = new_key(), new_key(), new_key()
LINES = [
    Credential(id=ALICE.id, hash=ALICE.hash, name="alice"),
    Credential(id=LIMITED.id, hash=LIMITED.hash, name="limited", models=("other*",), rights=("infer",)),
    Credential(id=ADMIN.id, hash=ADMIN.hash, name="admin", rights=("admin",)),
]
DIALECTS = [
    ("/models/echo", {"payload": {"records": []}}, "detail"),
    ("/translation", {"payload": {"records": []}}, "detail"),
    ("/v1/embeddings", {"model": "echo", "input": "a"}, "error"),
    ("/embed", {"inputs": "a"}, "error"),
    ("/rerank", {"query": "a", "texts": ["a"]}, "error"),
    ("/translate", {"q": "a", "source": "en", "target": "de"}, "error"),
    ("/v2/translate", {"text": ["a"], "target_lang": "DE"}, "message"),
    ("/v2/models/echo/infer", {"inputs": []}, "error"),
    ("/predict", {"instances": []}, "error"),
]


@asynccontextmanager
async def keyed(
    tmp_path: Path, broker: ScriptedBroker | None = None, **settings: Any
) -> AsyncIterator[RunningFrontEnd]:
    path = tmp_path / "keys"
    path.write_bytes(b"\n".join(map(encode_credential, LINES)))
    async with running(broker, **({"api_keys": str(path)} | settings)) as jitney:
        yield jitney


def bearer(key: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.text}"}


@pytest.mark.parametrize(("path", "body", "field"), DIALECTS)
async def test_every_api_refuses_strangers_in_its_own_words(tmp_path: Path, path: str, body: Any, field: str) -> None:
    async with keyed(tmp_path) as jitney:
        answer = await jitney.client.post(path, json=body)

    assert answer.status_code == {"/translate": 400, "/v2/translate": 403}.get(path, 401), answer.text
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()[field]


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/models/echo", "/v1/files", "/v1/batches", "/predictions/x", "/info", "/nothing"]
)
async def test_pages_are_for_those_who_have_a_key(tmp_path: Path, path: str) -> None:
    async with keyed(tmp_path) as jitney:
        answer = await jitney.client.get(path)

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "path",
    ["/", "/livez", "/readyz", "/health", "/ping", "/docs", "/openapi.json", "/v2/health/live", "/v2/health/ready"],
)
async def test_what_orchestrators_and_people_look_at_is_open(tmp_path: Path, path: str) -> None:
    async with keyed(tmp_path) as jitney:
        assert (await jitney.client.get(path)).status_code == 200
        assert (await jitney.client.options(path)).status_code == 204


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_a_stranger_sees_whether_all_is_well_and_nothing_else(tmp_path: Path, path: str) -> None:
    async with keyed(tmp_path) as jitney:
        stranger = (await jitney.client.get(path)).json()
        alice = (await jitney.client.get(path, headers=bearer(ALICE))).json()

    assert stranger == {"status": "ok", "checks": []}
    assert alice["checks"]


async def test_that_there_are_no_keys_everybody_is_told(tmp_path: Path) -> None:
    async with running(api_keys="on") as jitney:
        answer = (await jitney.client.get("/readyz")).json()
        refused = await jitney.client.post("/models/echo", json={}, headers=bearer(ALICE))

    assert answer["status"] == "degraded"
    assert [check["name"] for check in answer["checks"]] == ["keys"]
    assert refused.status_code == 503


async def test_with_keys_at_the_broker_a_request_is_its_callers(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    broker.stored = StoredCredentials(version="1", entries={ALICE.id: encode_credential(LINES[0])})
    async with running(broker, api_keys="on") as jitney:
        answer = await jitney.ask("a", headers=bearer(ALICE))

    assert answer.status_code == 200
    [(_, [request], _)] = broker.trips
    assert request.jobs[0].meta["caller"] == ALICE.id


async def test_a_key_for_other_models_may_not_use_this_one(tmp_path: Path) -> None:
    async with keyed(tmp_path) as jitney:
        answer = await jitney.ask("a", headers=bearer(LIMITED))
        listed = await jitney.client.get("/v1/models", headers=bearer(LIMITED))
        one = await jitney.client.get("/v1/models/echo", headers=bearer(LIMITED))

    assert told(answer) == (403, "not_allowed")
    assert one.status_code == 403
    assert listed.json()["models"] == listed.json()["data"] == []


@pytest.mark.parametrize("path", ["/info", "/models/echo/info", "/v2/models/echo", "/v2/models/echo/ready"])
async def test_what_others_apis_tell_of_a_model_is_for_those_who_may_use_it(tmp_path: Path, path: str) -> None:
    broker = ScriptedBroker(announcements=[announced(card("echo", task="embedding"))])
    async with keyed(tmp_path, broker) as jitney:
        answers = [(await jitney.client.get(path, headers=bearer(key))).status_code for key in (ALICE, LIMITED)]

    assert answers == [200, 403]


async def test_a_key_sees_the_models_it_may_use_by_their_aliases_too(tmp_path: Path) -> None:
    broker = ScriptedBroker(announcements=[announced(card()), announced(card("other"))])
    async with keyed(tmp_path, broker, alias="gpt=other secret=echo") as jitney:
        listed = (await jitney.client.get("/v1/models", headers=bearer(LIMITED))).json()

    assert [one["name"] for one in listed["models"]] == ["other"]
    assert [one["id"] for one in listed["data"]] == ["other", "gpt"]


async def test_files_take_the_right_to_have_some(tmp_path: Path) -> None:
    async with keyed(tmp_path, files=str(tmp_path)) as jitney:
        answers = [await jitney.client.get("/v1/files", headers=bearer(key)) for key in (ALICE, LIMITED, ADMIN)]

    assert [answer.status_code for answer in answers] == [200, 403, 200]


BODIES = [
    ("/translate", {"json": {"q": "a", "source": "en", "target": "fr"}}, "api_key"),
    ("/translate", {"data": {"q": "a", "source": "en", "target": "fr"}}, "api_key"),
    ("/v2/translate", {"json": {"text": ["a"], "source_lang": "EN", "target_lang": "FR"}}, "auth_key"),
    ("/v2/translate", {"data": {"text": "a", "source_lang": "EN", "target_lang": "FR"}}, "auth_key"),
]


def with_field(how: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    return {kind: body | {field: value} for kind, body in how.items()}


async def translated(tmp_path: Path, path: str, how: dict[str, Any], **settings: Any) -> tuple[httpx2.Response, Any]:
    broker = ScriptedBroker(announcements=[announced(M2M)])
    async with keyed(tmp_path, broker, make_codec=Translating, **settings) as jitney:
        return await jitney.client.post(path, **how), broker


@pytest.mark.parametrize(("path", "how", "field"), BODIES)
async def test_a_key_in_the_body_lets_in(tmp_path: Path, path: str, how: dict[str, Any], field: str) -> None:
    answer, broker = await translated(tmp_path, path, with_field(how, field, ALICE.text))

    assert answer.status_code == 200, answer.text
    assert broker.jobs[0].meta["caller"] == ALICE.id


@pytest.mark.parametrize(("path", "how", "field"), BODIES)
@pytest.mark.parametrize("value", [None, "", "nonsense", ApiKey("c" * 12, "0" * 32).text])
async def test_without_a_good_one_nothing_is_computed(
    tmp_path: Path, path: str, how: dict[str, Any], field: str, value: str | None
) -> None:
    sent = how if value is None else with_field(how, field, value)

    answer, broker = await translated(tmp_path, path, sent)

    assert answer.status_code == (400 if path == "/translate" else 403), answer.text
    assert answer.headers["www-authenticate"] == "Bearer"
    assert broker.jobs == []


@pytest.mark.parametrize("value", [5, ["x"], {"a": 1}, True])
async def test_a_key_that_is_no_text_is_none(tmp_path: Path, value: Any) -> None:
    answer, broker = await translated(tmp_path, "/translate", with_field(BODIES[0][1], "api_key", value))

    assert answer.status_code == 400
    assert broker.jobs == []


async def test_a_key_in_a_field_of_another_api_is_none(tmp_path: Path) -> None:
    async with keyed(tmp_path) as jitney:
        body = {"payload": {"records": [{"id": 1, "text": "a"}]}, "api_key": ALICE.text}
        answer = await jitney.client.post("/models/echo", json=body)

    assert told(answer) == (401, "unauthenticated")


def test_whoever_is_not_known_yet_may_do_nothing() -> None:
    assert not UNKNOWN.may_use("echo")
    assert not UNKNOWN.lanes
    assert not UNKNOWN.rights


async def test_strangers_are_let_in_where_they_have_limits_and_each_address_is_one_caller(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    how = {"anonymous": "60 requests/min, 2 at once", "trusted_proxies": "127.0.0.1"}
    async with keyed(tmp_path, broker, **how) as jitney:
        for said in ("1.1.1.1", "6.6.6.6, 1.1.1.1", "2.2.2.2"):
            assert (await jitney.ask("a", headers={"X-Forwarded-For": said})).status_code == 200
        wrong = await jitney.ask("a", headers={"Authorization": "Bearer nonsense"})

    first, second, third = [request for _, requests, _ in broker.trips for request in requests]
    assert first.caller == second.caller != third.caller
    assert first.caller.startswith("anonymous@")
    assert "1.1.1.1" not in first.caller
    assert [policy.name for policy in first.policies] == ["requests", "concurrency"]
    assert told(wrong) == (401, "unauthenticated")


async def test_a_stranger_may_translate_without_a_key_in_the_body(tmp_path: Path) -> None:
    path, how, field = BODIES[0]

    answer, _ = await translated(tmp_path, path, with_field(how, field, ""), anonymous="60 requests/min")

    assert answer.status_code == 200


async def test_keys_that_are_off_are_not_looked_at(tmp_path: Path) -> None:
    async with running() as jitney:
        answer = await jitney.ask("a", headers={"Authorization": "Bearer nonsense"})

    assert answer.status_code == 200
    assert jitney.front_end.authentication is None


async def test_a_key_appears_in_no_line_and_no_answer(tmp_path: Path) -> None:
    revoked = new_key()
    with capture_logs() as lines:
        async with keyed(tmp_path) as jitney:
            for key in (ALICE, revoked):
                answers = [
                    await jitney.ask("a", headers=bearer(key)),
                    await jitney.ask("a", path=f"/models/echo?api_key={key.text}"),
                    await jitney.client.post("/translate", json={"q": "a", "api_key": key.text}),
                    await jitney.client.get(f"/nothing?api_key={key.text}"),
                ]
                shown = "".join(answer.text + str(answer.headers) for answer in answers)
                assert key.secret not in shown
                assert key.secret not in str(lines)


async def test_a_flood_of_wrong_keys_writes_one_line(tmp_path: Path) -> None:
    with capture_logs() as lines:
        async with keyed(tmp_path) as jitney:
            for _ in range(50):
                await jitney.ask("a", headers=bearer(new_key()))

    assert len([line for line in lines if line["event"] == "refused"]) == 1
