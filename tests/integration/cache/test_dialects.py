"""A hit is the miss byte for byte, and what a front end without a cache answers, at every dialect's address."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.integration.cache.cached import Cached, body, found, status
from tests.integration.processes import FrontEnd, Reply
from tests.integration.toy_vocabularies import WORDS

Image = pytest.importorskip("PIL.Image")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PNG = {"Content-Type": "image/png"}
OF_HUGGING_FACE = {"User-Agent": "unknown/None; hf_hub/0.0"}
DIFFER = {"date", "server-timing", "cache-status"}
# What is never kept: those that compute nothing with a model's lane, and those that store.
NOT_KEPT = {"/tokenize", "/decode", "/detect", "/suggest", "/translate_file"}
STORES = ("/v1/files", "/v1/batches", "/predictions")


def picture(number: int) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (30, 20), (number, 20, 200)).save(written, "PNG")
    return written.getvalue()


def in_base64(number: int) -> str:
    return base64.b64encode(picture(number)).decode()


def tensor(*texts: str) -> dict[str, Any]:
    return {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": list(texts)}]}


def form(**fields: Any) -> bytes:
    return urlencode(fields, doseq=True).encode()


Make = Callable[[str, str, int], Any]  # of two texts and a number that no other case has
TRANSLATED = {"fromLang": "en", "toLang": "ja"}
PAIR = {"source": "en", "target": "ja"}
LABELS = ["word1", "word2 word3"]
CASES: list[tuple[str, Make, Mapping[str, str]]] = [
    ("/translation", lambda a, b, n: body(a, f"<b>{b}</b>. {a}", "", **TRANSLATED), {}),
    ("/translation", lambda a, b, n: body(f"<b>{a}</b> {b}", format="html", **TRANSLATED), {}),
    ("/translation", lambda a, b, n: body(f"The {a} is here.", toLang="ja", fromLang="auto"), {}),
    ("/classification", lambda a, b, n: body(a, "", b, topK=2), {}),
    ("/classification", lambda a, b, n: body(a, b, labels=LABELS, topK=2), {}),
    ("/embedding", lambda a, b, n: body(a, b), {}),
    ("/embedding", lambda a, b, n: body(a, b, dimensions=2), {}),
    ("/rerank", lambda a, b, n: body(a, b, "word1", query=f"{a} word1", topK=2), {}),
    ("/clustering", lambda a, b, n: body(a, b, f"{a} {b}"), {}),
    ("/cluster", lambda a, b, n: [a, b, f"{a} {b}"], {}),
    ("/image-classification", lambda a, b, n: {"payload": {"records": [{"id": 1, "image": in_base64(n)}]}}, {}),
    ("/image-classification?topK=3", lambda a, b, n: picture(n), PNG),
    ("/models/colour", lambda a, b, n: picture(n), PNG),
    ("/models/ranker", lambda a, b, n: body(a, b, query=f"{b} word2"), {}),
    ("/models/recorder", lambda a, b, n: body(a, b, anything=n), {}),
    ("/v1/embeddings", lambda a, b, n: {"input": a, "model": "thirds"}, {}),
    ("/v1/embeddings", lambda a, b, n: {"input": [a, b], "encoding_format": "float"}, {}),
    ("/v1/embeddings", lambda a, b, n: {"input": [a, b, a], "encoding_format": "base64", "dimensions": 2}, {}),
    ("/embeddings", lambda a, b, n: {"input": [a, b], "encoding_format": "base64"}, {}),
    ("/embed", lambda a, b, n: {"inputs": [a, b], "normalize": True}, {}),
    ("/embed", lambda a, b, n: {"inputs": a, "normalize": False}, {}),
    ("/", lambda a, b, n: {"inputs": [a, b]}, {}),
    ("/invocations", lambda a, b, n: {"inputs": a}, {}),
    ("/predict", lambda a, b, n: {"inputs": [[a], [b]]}, {}),
    ("/rerank", lambda a, b, n: {"query": f"{a} word1", "texts": [a, b, "word1"], "return_text": True}, {}),
    ("/similarity", lambda a, b, n: {"inputs": {"source_sentence": a, "sentences": [b, f"{a} {b}"]}}, {}),
    ("/models/thirds/embed", lambda a, b, n: {"inputs": [a, b]}, {}),
    ("/models/judge/predict", lambda a, b, n: {"inputs": a}, {}),
    ("/models/ranker/rerank", lambda a, b, n: {"query": a, "texts": [f"{a} {b}", b]}, {}),
    ("/models/thirds/similarity", lambda a, b, n: {"inputs": {"source_sentence": a, "sentences": [b]}}, {}),
    ("/models/thirds", lambda a, b, n: {"inputs": [a, b], "normalize": True}, {}),
    ("/models/judge", lambda a, b, n: {"inputs": a, "parameters": {"top_k": 2}}, {}),
    ("/models/nli", lambda a, b, n: {"inputs": a, "parameters": {"candidate_labels": [b, "word1"]}}, {}),
    ("/models/shout", lambda a, b, n: {"inputs": a, "parameters": {"src_lang": "en", "tgt_lang": "ja"}}, {}),
    ("/models/colour", lambda a, b, n: {"inputs": in_base64(n), "parameters": {"top_k": 2}}, {}),
    ("/models/colour", lambda a, b, n: picture(n), PNG | OF_HUGGING_FACE),
    ("/huggingface/image-classification", lambda a, b, n: {"inputs": in_base64(n)}, {}),
    ("/translate", lambda a, b, n: {"q": [a, b], **PAIR, "alternatives": 1}, {}),
    ("/translate", lambda a, b, n: {"q": f"<p>{a}</p>", "format": "html", "source": "auto", "target": "ja"}, {}),
    ("/translate", lambda a, b, n: form(q=a, **PAIR), FORM),
    ("/v2/translate", lambda a, b, n: {"text": [a, b], "source_lang": "EN", "target_lang": "JA"}, {}),
    ("/v2/translate", lambda a, b, n: form(text=[f"The {a} is here.", b], target_lang="JA"), FORM),
    ("/v2/models/thirds/infer", lambda a, b, n: tensor(a, b), {}),
    ("/v2/models/judge/infer", lambda a, b, n: tensor(a), {}),
    ("/v1/models/thirds:predict", lambda a, b, n: {"instances": [a, {"text": b}]}, {}),
    ("/v1/models/colour:predict", lambda a, b, n: {"instances": [{"b64": in_base64(n)}]}, {}),
    ("/predict", lambda a, b, n: {"instances": [a], "parameters": {"model": "judge"}}, {}),
    ("/invocations", lambda a, b, n: {"instances": [a], "parameters": {"model": "thirds"}}, {}),
    ("/rerank", lambda a, b, n: {"query": a, "documents": [b, {"text": a}], "return_documents": True}, {}),
    ("/v1/rerank", lambda a, b, n: {"query": a, "documents": [b, a], "top_n": 1}, {}),
    ("/v2/rerank", lambda a, b, n: {"query": a, "documents": [b, a, "word1"], "model": "ranker"}, {}),
]


def of_case(number: int) -> tuple[str, Any, dict[str, str]]:
    """What is asked, with texts that no other case has."""
    path, make, headers = CASES[number]
    first, second = (
        f"{WORDS[number % 50]} {WORDS[49 - number // 50]} {word}" for word in (WORDS[3 + number % 40], "word9")
    )
    return path, make(first, second, number), {"X-Request-ID": f"case-{number}", **headers}


def told(reply: Reply) -> tuple[int, bytes, dict[str, str]]:
    """All that may not differ."""
    return reply.status, reply.body, {name: said for name, said in reply.headers.items() if name not in DIFFER}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{at}-{path}" for at, (path, _, _) in enumerate(CASES)])
def test_a_hit_is_the_miss_and_what_would_be_answered_without_a_cache(system: Cached, number: int) -> None:
    path, asked, headers = of_case(number)

    def ask(front_end: FrontEnd) -> Reply:
        return front_end.post(path, asked, headers)

    plain, miss, hit = ask(system.plain), ask(system.one), ask(system.one)
    from_server = found(system.other, path, asked, headers)

    assert plain.status == 200, plain.body
    assert "fwd=" in status(miss) and "stored" in status(miss)
    assert status(hit).startswith("jitney; hit; ttl=") and status(from_server).startswith("jitney; hit; ttl=")
    assert told(plain) == told(miss) == told(hit) == told(from_server)


def test_every_address_that_computes_is_among_them(system: Cached) -> None:
    paths = system.one.get("/openapi.json").json()["paths"]
    posts = {path for path, methods in paths.items() if "post" in methods and not path.startswith(STORES)}
    asked = {path.partition("?")[0] for path, _, _ in CASES}

    missing = {path for path in posts if not any(re.fullmatch(path.replace("{name}", "[^/:]+"), one) for one in asked)}
    assert {path for path in missing if path.replace("/models/{name}", "") not in NOT_KEPT} == set()
