"""OPTIONS says what an address takes, HEAD what GET would say, and CORS which pages of others may ask."""

from __future__ import annotations

import pytest

from server.http.layers.cors import parse_origins
from server.settings import ServerSettings
from tests.unit.server.stand_in import running, told

pytestmark = pytest.mark.anyio

PAGE = "https://page.example"
PREFLIGHT = {"origin": PAGE, "access-control-request-method": "POST"}


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/embedding", "OPTIONS, POST"),
        ("/models/echo", "OPTIONS, POST"),
        ("/v1/models", "GET, HEAD, OPTIONS"),
        ("/v1/files", "GET, HEAD, OPTIONS, POST"),
    ],
)
async def test_an_address_says_what_it_takes(path, allowed):
    async with running() as jitney:
        answer = await jitney.client.options(path)

        assert (answer.status_code, answer.headers["allow"], answer.content) == (204, allowed, b"")
        assert answer.headers["x-request-id"]
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/nowhere", "/v1/nowhere"])
async def test_where_nothing_is_it_takes_nothing(path):
    async with running() as jitney:
        answer = await jitney.client.options(path)

        assert answer.status_code == 404
        assert ("error" in answer.json()) == path.startswith("/v1/")


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
@pytest.mark.parametrize("path", ["//translate", "/translate/", "/v1//embeddings"])
async def test_a_slash_too_many_is_told_as_the_client_reads_it(path, method):
    async with running() as jitney:
        answer = await jitney.client.request(method, f"http://jitney{path}")

        assert (answer.status_code, answer.request.url.path) == (404, path)
        assert "a / too many" in answer.text
        assert ("error" in answer.json()) == (path != "/translate/")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/echo", "/livez", "/docs", "/openapi.json"])
async def test_head_is_get_without_its_body(path):
    async with running() as jitney:
        head, get = await jitney.client.head(path), await jitney.client.get(path)

        assert head.status_code == get.status_code == 200
        assert head.headers["content-type"] == get.headers["content-type"]
        assert head.headers["content-length"] == str(len(get.content))


async def test_a_page_of_a_named_origin_may_ask():
    async with running(cors=f"{PAGE} http://127.0.0.1:8000") as jitney:
        before = await jitney.client.options("/models/echo", headers=PREFLIGHT | asks("authorization, jitney-lane"))
        after = await jitney.ask("life", headers={"origin": PAGE})

        assert (before.status_code, after.status_code) == (204, 200)
        assert before.headers["access-control-allow-headers"] == "authorization, jitney-lane"
        assert "POST" in before.headers["access-control-allow-methods"]
        assert {one.headers["access-control-allow-origin"] for one in (before, after)} == {PAGE}
        assert {one.headers["vary"] for one in (before, after)} == {"Origin"}
        assert "X-Request-ID" in after.headers["access-control-expose-headers"]


def asks(headers: str) -> dict[str, str]:
    return {"access-control-request-headers": headers}


@pytest.mark.parametrize("origin", ["https://other.example", "https://page.example.other", "null"])
async def test_a_page_of_another_origin_is_told_nothing(origin):
    async with running(cors=PAGE) as jitney:
        answer = await jitney.client.options("/models/echo", headers=PREFLIGHT | {"origin": origin})

        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["vary"] == "Origin"


async def test_where_all_may_ask_errors_can_be_read_too():
    async with running(cors="*") as jitney:
        answers = [
            await jitney.client.get("/nowhere", headers={"origin": PAGE}),
            await jitney.client.post("/models/echo", content=b"{", headers={"origin": PAGE}),
            await jitney.client.get("/v1/models"),
        ]

        assert [answer.status_code for answer in answers] == [404, 400, 200]
        assert {answer.headers["access-control-allow-origin"] for answer in answers} == {"*"}
        assert told(answers[0]) == (404, "not_found")


@pytest.mark.parametrize("origin", ["page.example", "https://page.example/", "https://a.example\nx", "ftp://a", "**"])
def test_what_is_no_origin_is_refused(origin):
    (complaint,) = ServerSettings(cors=origin.replace("\n", "\\n")).complaints()

    assert complaint.startswith("--cors: ")


@pytest.mark.parametrize("origin", ["chrome-extension://abcdef", "moz-extension://0a-1b", "safari-web-extension://A-B"])
def test_an_extension_of_a_browser_is_an_origin(origin):
    assert parse_origins(origin) == [origin]


def test_origins_are_a_list():
    assert parse_origins("https://a.example, http://[::1]:8000 *") == ["https://a.example", "http://[::1]:8000", "*"]
