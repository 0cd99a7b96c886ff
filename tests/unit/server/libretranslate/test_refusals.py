"""LibreTranslate's addresses refuse as its clients read it, with statuses that they treat right."""

from __future__ import annotations

from typing import Any

import pytest

from broker.messages import FailureCode, Verdict
from server.dialects.libretranslate import patient
from server.dialects.libretranslate.flavour import refuse, status_of
from server.errors import KINDS, Problem
from tests.unit.server.libretranslate.translating import translating
from tests.unit.server.stand_in import ScriptedBroker

pytestmark = pytest.mark.anyio

PATH = "/translate"
PAIR = {"source": "en", "target": "de"}
PARKS = (401, 403, 429, 456, 503)  # for half an hour Weblate asks nothing more after one of these


@pytest.mark.parametrize("code", sorted(set(KINDS) - {"contended", "rate_limited"}))
def test_only_where_too_much_waits_or_was_asked_is_a_client_sent_away_for_long(code):
    assert status_of(code) not in PARKS


async def ended(code: FailureCode) -> tuple[int, str, str]:
    async with translating() as jitney:
        answer = await jitney.client.post(PATH, json={"q": ["x", f"fail:{code}"], **PAIR})
        told = answer.json()
        return answer.status_code, told["error"], told["code"]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (FailureCode.POISON, 500),
        (FailureCode.MODEL_ERROR, 500),
        (FailureCode.EXPIRED, 500),
        (FailureCode.INVALID_INPUT, 400),
        (FailureCode.TOO_LARGE, 400),
    ],
)
async def test_one_text_that_fails_is_the_request_s_end(code, status):
    told = await ended(code)

    assert (told[0], told[2]) == (status, code)
    assert f"fail:{code} happened" in told[1]


@pytest.fixture
def clock(monkeypatch, clock):
    """Time that a pause moves, and nothing else."""

    async def pause(seconds: float) -> None:
        clock.tick(seconds)

    monkeypatch.setattr(patient, "pause", pause)
    return clock


async def test_a_queue_that_has_room_again_within_seconds_is_never_heard_of(monkeypatch, clock):
    broker = ScriptedBroker(verdict=Verdict(waiting=9, refusal=FailureCode.CONTENDED))
    pause = patient.pause

    async def and_room(seconds: float) -> None:
        broker.verdict = Verdict(waiting=1)
        await pause(seconds)

    monkeypatch.setattr(patient, "pause", and_room)
    async with translating(broker, clock=clock) as jitney:
        answer = await jitney.client.post(PATH, json={"q": ["x", "y"], **PAIR})

        assert (answer.status_code, answer.json()) == (200, {"translatedText": ["X", "Y"]})


async def test_nobody_waits_beyond_the_deadline_for_it(clock):
    broker = ScriptedBroker(verdict=Verdict(waiting=9, refusal=FailureCode.CONTENDED))
    async with translating(broker, clock=clock) as jitney:
        headers = {"X-Request-Timeout": "1.5"}
        answer = await jitney.client.post(PATH, json={"q": "x", **PAIR}, headers=headers)

        assert (answer.status_code, len(broker.trips)) == (429, 2)


async def test_contended_is_a_slowdown_and_says_when_to_come_back(clock):
    broker = ScriptedBroker(verdict=Verdict(waiting=9, refusal=FailureCode.CONTENDED))
    async with translating(broker, clock=clock) as jitney:
        answer = await jitney.client.post(PATH, json={"q": "x", **PAIR})

        assert (answer.status_code, answer.json()["error"][:10]) == (429, "Slowdown: ")
        assert len(broker.trips) == 6  # a second apart, while there is patience
        assert answer.headers["retry-after"]


async def test_without_a_model_it_is_500_for_503_would_send_clients_away():
    async with translating(cards=[]) as jitney:
        translated = await jitney.client.post(PATH, json={"q": "x", **PAIR})
        listed = await jitney.client.get("/languages")

        assert {translated.status_code, listed.status_code} == {500}
        assert "translation" in translated.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/translate", 405),
        ("POST", "/languages", 405),
        ("GET", "/detect", 405),
        ("DELETE", "/frontend/settings", 405),
        ("GET", "/frontend/nothing", 404),
        ("GET", "/download_file/x", 404),
    ],
)
async def test_addresses_that_lead_nowhere_say_so_as_the_others_do(method, path, status):
    async with translating() as jitney:
        answer = await jitney.client.request(method, path)

        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize(
    ("path", "why"), [("/suggest", "Suggestions are disabled"), ("/translate_file", "Files translation are disabled")]
)
async def test_what_there_is_none_of_is_403(path, why):
    async with translating() as jitney:
        answer = await jitney.client.post(path, data={"q": "x"})

        assert answer.status_code == 403
        assert answer.json()["error"].startswith(why)


async def test_a_body_that_is_too_large_exceeds_the_limit():
    async with translating(max_body_bytes=1000) as jitney:
        answer = await jitney.client.post(PATH, json={"q": "x" * 4000, **PAIR})

        assert (answer.status_code, "exceeds text limit (4000)" in answer.json()["error"]) == (400, True)


def test_our_problem_stands_beside_the_error():
    shown = refuse(Problem("unknown_language", "xx is not supported", languages=["de", "en"]), "abc")

    assert shown.status == 400
    assert b'"languages":["de","en"]' in shown.body
    assert b'"code":"unknown_language"' in shown.body


KINDS_OF_BODIES = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "",
    "a/b",
]
ODD: list[Any] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"q"',
    b"\xff\xfe",
    b"[" * 5000,
    b'{"q":' + b"[" * 5000,
    b'{"q":"\\ud800","source":"en","target":"de"}',
    b'{"q":{"a":1},"source":"en","target":"de"}',
    b'{"q":[[]],"source":"en","target":"de"}',
    b'{"q":"x","source":["en"],"target":"de"}',
    b'{"q":"x","source":"en","target":{}}',
    b'{"q":"x","source":"en","target":"de","format":[]}',
    b'{"q":"x","source":"en","target":"de","alternatives":{}}',
    b'{"q":"x","source":"en","target":"de","alternatives":1.5}',
    b'{"q":"x","source":"en","target":"de","alternatives":1e999}',
    b'{"q":"x","source":"en","target":"de","alternatives":"\xd9\xa1"}',
    b'{"q":"x","source":"en","target":"de","alternatives":true}',
    b'{"q":"x","source":"\x00","target":"de"}',
    b'{"q":"x","source":"\xf0\x9f\x90\x9d","target":"' + b"e" * 5000 + b'"}',
    b"q=%ff&source=en&target=de",
    b"q=" + b"&q=x" * 20_000,
    b"&&&==&",
    b'--x\r\nContent-Disposition: form-data; name="q"\r\n\r\nx\r\n--x--',
]


@pytest.mark.parametrize("kind", KINDS_OF_BODIES)
@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
async def test_odd_bodies_are_refused_and_never_crash(kind, body):
    async with translating() as jitney:
        headers = {"content-type": kind} if kind else {}
        translated = await jitney.client.post("/translate", content=body, headers=headers)
        detected = await jitney.client.post("/detect", content=body, headers=headers)

        assert (translated.status_code, detected.status_code in (200, 400)) == (400, True)
        assert translated.json()["error"]
