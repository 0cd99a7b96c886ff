"""The demo models behind HTTP: both original calls, mixed language pairs, classification, and what is said of them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jitney.up.greeting import curl_line
from tests.integration.processes import ROOT
from tests.integration.stack import Stack, stack

README = (ROOT / "README.md").read_text(encoding="utf-8")
CURL = re.compile(r"curl -s http://[^/]+(/image-\S+) -H 'Content-Type: (\S+)' --data-binary @(\S+)\n(.+)")
CHOCOLATES = "Life is like a box of chocolates."
CHOCOLATES_JA = "人生はチョコレートの箱のようなものだ。"


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    models = ["translation:demo/translation", "classification:demo/classification"]
    with stack(models=[*models, "image-classification:demo/image_classification"]) as made:
        yield made


def translate(system: Stack, source: str, target: str, *records: tuple[Any, str]) -> Any:
    asked = [{"id": id, "text": text} for id, text in records]
    reply = system.post("/translation", {"payload": {"fromLang": source, "toLang": target, "records": asked}})
    assert reply.status == 200, reply.body
    return reply.json()


def test_the_original_call_answers_exactly(system: Stack) -> None:
    answer = translate(system, "en", "ja", ("123", CHOCOLATES))

    assert answer == {"result": [{"id": "123", "text": CHOCOLATES_JA}]}


def test_the_original_second_call_answers_exactly(system: Stack) -> None:
    answer = translate(system, "ja", "en", *[(str(at), CHOCOLATES_JA) for at in range(3)])

    assert [record["text"] for record in answer["result"]] == ["Life is like a box of chocolate."] * 3


def test_the_example_of_the_page_on_translation_answers_so(system: Stack) -> None:
    page = (ROOT / "docs" / "translation.md").read_text(encoding="utf-8")
    example = re.search(r"curl -s http://[^/]+(/translation) -H \S+ \S+ -d '(.+?)'\n(.+)", page, re.DOTALL)
    assert example is not None

    reply = system.post(example[1], json.loads(example[2]))

    assert reply.json() == json.loads(example[3].splitlines()[0])


def test_markup_comes_back_as_it_was(system: Stack) -> None:
    html = '<p>Good morning.</p><!-- x --><p class="a">How are <i translate="no">{you}</i>?</p>'
    asked = {"fromLang": "en", "toLang": "de", "format": "html", "records": [{"id": 1, "text": html}]}

    (row,) = system.post("/translation", {"payload": asked}).json()["result"]

    assert re.fullmatch(
        r'<p>Guten Morgen\.</p><!-- x --><p class="a">[^<]*<i translate="no">\{you\}</i>[^<]*</p>', row["text"]
    )


def test_one_batch_mixes_language_pairs_and_answers_as_each_pair_alone(system: Stack) -> None:
    pairs = [(source, target) for source in ("en", "ja") for target in ("en", "ja", "fr", "de", "es", "zh")]
    text = {"en": CHOCOLATES, "ja": CHOCOLATES_JA}
    alone = [translate(system, *pair, (1, text[pair[0]])) for pair in pairs]

    with ThreadPoolExecutor(len(pairs)) as clients:
        together = list(clients.map(lambda pair: translate(system, *pair, (1, text[pair[0]])), pairs))

    assert together == alone
    assert len({answer["result"][0]["text"] for answer in together}) > 6
    assert _batches_of_several(system.batchers[0].metrics()) > 0


def _batches_of_several(page: str) -> float:
    rows = dict(line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("jitney_batch_size"))
    alone = float(rows['jitney_batch_size_bucket{le="1.0",model="translation"}'])
    return float(rows['jitney_batch_size_count{model="translation"}']) - alone


def test_newlines_are_kept_and_empty_lines_answer_themselves(system: Stack) -> None:
    answer = translate(system, "en", "ja", (1, f"{CHOCOLATES}\n\n{CHOCOLATES}"), (2, "  "))

    assert [record["text"] for record in answer["result"]] == [f"{CHOCOLATES_JA}\n\n{CHOCOLATES_JA}", "  "]


def test_each_record_is_translated_from_the_language_that_it_is_found_to_be_in(system: Stack) -> None:
    found = translate(system, "auto", "fr", (1, CHOCOLATES), (2, CHOCOLATES_JA), (3, "😀 42"))["result"]

    named = [translate(system, "en", "fr", (1, CHOCOLATES)), translate(system, "ja", "fr", (2, CHOCOLATES_JA))]
    assert [row["text"] for row in found] == [*(answer["result"][0]["text"] for answer in named), "😀 42"]
    assert [row.get("detectedLang") for row in found] == ["en", "ja", None]


def test_the_answer_of_the_page_about_languages_is_the_demo_models(system: Stack) -> None:
    page = (ROOT / "docs" / "languages.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"^\{\"result\".*", page, re.MULTILINE)

    assert translate(system, "auto", "zh", (1, CHOCOLATES)) == json.loads(said)


def test_an_unknown_language_names_those_that_there_are(system: Stack) -> None:
    records = [{"id": 1, "text": "x"}]

    reply = system.post("/translation", {"payload": {"fromLang": "en", "toLang": "tlh", "records": records}})

    assert (reply.status, reply.json()["code"]) == (422, "unknown_language")
    assert set(reply.json()["languages"]) == {"en", "ja", "fr", "de", "es", "zh"}


def test_the_picture_of_the_readme_is_answered_as_it_says(system: Stack) -> None:
    ((path, content_type, file, said),) = CURL.findall(README)

    reply = system.post(path, (ROOT / file).read_bytes(), {"Content-Type": content_type})

    ((row,), (expected,)) = reply.json()["result"], json.loads(said)["result"]
    assert row == {**expected, "score": pytest.approx(expected["score"], abs=1e-4)}


def test_the_line_that_jitney_up_prints_for_pictures_is_answered(system: Stack) -> None:
    line = curl_line(system.url, {"name": "image_classification", "task": "image-classification"})
    words = shlex.split(line)

    reply = system.post(words[2].removeprefix(system.url), words[-1].encode())

    assert [row["label"] for row in reply.json()["result"]] == ["red circle"]


def test_a_classification_gives_a_label_and_a_score(system: Stack) -> None:
    records = [{"id": "a", "text": "I love this."}, {"id": "b", "text": "This is terrible."}]

    reply = system.post("/classification", {"payload": {"records": records, "topK": 2}})

    first, second = reply.json()["result"]
    assert (first["label"], second["label"]) == ("positive", "negative")
    assert 0.5 < first["score"] <= 1.0
    assert len(first["labels"]) == 2


def test_the_system_says_what_it_serves_and_what_that_cannot_do(system: Stack) -> None:
    models = {model["name"]: model for model in system.get("/v1/models").json()["models"]}

    assert {models["translation"]["status"], models["classification"]["status"]} == {"live"}
    assert "demo" in models["translation"]["description"].lower()
    assert sorted(models["translation"]["languages"]) == ["de", "en", "es", "fr", "ja", "zh"]
