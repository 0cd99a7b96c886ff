"""What leads nowhere, at or below the addresses of an API: told as its clients know it, and as a plain problem where it
is not spoken."""

from __future__ import annotations

import httpx2
import pytest

from server.settings import DIALECTS
from tests.unit.server.stand_in import running

pytestmark = pytest.mark.anyio

# The API, a method that is not taken (404: whatever method), an address, and the status.
NOWHERE = [
    ("native", "GET", "/translation", 405),
    ("native", "POST", "/predictions/x/nowhere", 404),
    ("openai", "DELETE", "/v1/embeddings", 405),
    ("openai", "GET", "/embeddings", 405),
    ("openai", "POST", "/v1/chat/completions", 404),
    ("openai", "PUT", "/v1/models", 405),
    ("openai", "PUT", "/v1/models/echo", 405),
    ("huggingface", "PUT", "/models/echo", 405),
    ("huggingface", "GET", "/models/echo/pipeline/nowhere", 404),
    ("huggingface", "GET", "/huggingface/image-classification", 405),
    ("tei", "PUT", "/", 405),
    ("tei", "GET", "/embed", 405),
    ("tei", "GET", "/predict", 405),
    ("tei", "GET", "/rerank", 405),
    ("tei", "GET", "/similarity", 405),
    ("tei", "GET", "/tokenize", 405),
    ("tei", "GET", "/invocations", 405),
    ("tei", "POST", "/info", 405),
    ("tei", "POST", "/health", 405),
    ("tei", "POST", "/ping", 405),
    ("tei", "POST", "/embed_all", 404),
    ("tei", "POST", "/embed_sparse", 404),
    ("tei", "GET", "/decode", 405),
    ("tei", "GET", "/models/echo/embed", 405),
    ("tei", "POST", "/models/echo/embed_sparse", 404),
    ("rerank", "GET", "/rerank", 405),
    ("rerank", "GET", "/v1/rerank", 405),
    ("rerank", "GET", "/v2/rerank", 405),
    ("libretranslate", "GET", "/translate", 405),
    ("libretranslate", "GET", "/detect", 405),
    ("libretranslate", "POST", "/languages", 405),
    ("libretranslate", "POST", "/frontend/settings", 405),
    ("libretranslate", "GET", "/frontend/nowhere", 404),
    ("libretranslate", "GET", "/suggest", 405),
    ("libretranslate", "GET", "/translate_file", 405),
    ("libretranslate", "GET", "/download_file/x", 404),
    ("libretranslate", "POST", "/health", 405),
    ("deepl", "GET", "/v2/translate", 405),
    ("deepl", "POST", "/v2/languages", 405),
    ("deepl", "POST", "/v2/usage", 405),
    ("deepl", "POST", "/v2/document/x", 404),
    ("deepl", "POST", "/v2/nowhere", 404),
    ("deepl", "POST", "/v3/nowhere", 404),
    ("oip", "POST", "/v2", 405),
    ("oip", "POST", "/v2/health/live", 405),
    ("oip", "GET", "/v2/nowhere", 404),
    ("oip", "GET", "/v2/models/echo/infer", 405),
    ("oip", "GET", "/v2/models/echo/config", 404),
    ("oip", "DELETE", "/v1/models/echo:predict", 405),
    ("oip", "GET", "/predict", 405),
    ("oip", "GET", "/invocations", 405),
    ("oip", "POST", "/health", 405),
    ("oip", "POST", "/ping", 405),
]
OF_OPENAI = "/v1/"  # for models, files and batches are always there


def is_told(answer: httpx2.Response, status: int, flavour: str) -> bool:
    """`openai`, `error` (a problem document with `error` and `message`) or `plain`."""
    told, code = answer.json(), "method_not_allowed" if status == 405 else "not_found"
    if flavour == "openai":
        return answer.status_code == status and told["error"]["code"] == code and told["error"]["message"] != ""
    is_flavoured = told.get("error") == told.get("message") == told["detail"]
    return answer.status_code == status and told["code"] == code and is_flavoured == (flavour == "error")


def flavour_of(dialect: str, path: str) -> str:
    if path.startswith(OF_OPENAI) and not path.endswith("/rerank"):
        return "openai"
    return {"native": "plain", "openai": "openai"}.get(dialect, "error")


@pytest.mark.parametrize("is_alone", [False, True], ids=["beside all others", "alone"])
@pytest.mark.parametrize(("dialect", "method", "path", "status"), NOWHERE)
async def test_it_is_told_as_the_clients_know_it(dialect, method, path, status, is_alone):
    async with running(dialects=dialect if is_alone else " ".join(DIALECTS)) as jitney:
        answer = await jitney.client.request(method, path)
        options = await jitney.client.options(path)

        assert is_told(answer, status, flavour_of(dialect, path)), answer.text
        if status == 404:
            head = await jitney.client.head(path)
            assert (head.status_code, head.content) == (404, b"")
            assert is_told(options, 404, flavour_of(dialect, path)), options.text
        else:
            assert options.status_code == 204
            assert methods(answer) | {"OPTIONS"} == methods(options)


def methods(answer: httpx2.Response) -> set[str]:
    return set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize(("method", "path"), [row[1:3] for row in NOWHERE if row[0] not in ("native", "openai")])
async def test_where_an_api_is_not_spoken_nothing_has_its_words(method, path):
    async with running(dialects="openai") as jitney:
        answer = await jitney.client.request(method, path)

        is_openai_s = path.startswith(OF_OPENAI)
        assert is_told(answer, answer.status_code, "openai" if is_openai_s else "plain"), answer.text
        assert answer.status_code == 404 or is_openai_s
