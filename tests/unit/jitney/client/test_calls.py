"""What a call sends, and what is made of its reply."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from jitney.client import Classification, Embedding, RecordError, Score, Translation, calls
from jitney.client.calls import Call
from jitney.client.received import Received


def payload(call: Call[Any]) -> Any:
    return json.loads(call.body())["payload"]


def answer(call: Call[Any], said: Any, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return call.read(Received(status=200, headers=named, body=json.dumps(said).encode()))


def test_records_are_called_by_their_places() -> None:
    assert payload(calls.translate(["a", "b"], to="fr", from_="en")) == {
        "fromLang": "en",
        "toLang": "fr",
        "records": [{"id": 0, "text": "a"}, {"id": 1, "text": "b"}],
    }


def test_what_nobody_said_is_left_to_the_server() -> None:
    assert payload(calls.embed("a")).keys() == {"records"}
    assert payload(calls.rerank("q", ["a"])).keys() == {"query", "records"}


def test_a_translation_may_keep_words_and_be_of_html() -> None:
    call = calls.translate("<b>Jitney</b>", to="fr", glossary={"cart": "panier"}, html=True)

    assert payload(call)["glossary"] == {"cart": "panier"}
    assert (payload(call)["format"], payload(call)["fromLang"]) == ("html", "auto")


def test_a_text_has_an_answer_and_a_list_has_a_list() -> None:
    said = {"result": [{"id": 0, "text": "oui", "degenerate": True}]}

    one, several = answer(calls.translate("yes", to="fr"), said), answer(calls.translate(["yes"], to="fr"), said)

    assert one == Translation(text="oui", degenerate=True)
    assert several == [one]


def test_an_answer_says_where_it_came_from() -> None:
    headers = {"x_request_id": "r1", "jitney_model": "demo@1", "server_timing": 'queue;dur=2.5, batch;desc="1"'}

    found = answer(calls.embed("a"), {"result": [{"id": 0, "embedding": [1, 2]}], "warnings": ["w"]}, **headers)

    assert found == Embedding(vector=(1, 2))
    reply = found.reply
    assert (reply.request_id, reply.model, reply.timing, reply.warnings) == ("r1", "demo@1", {"queue": 0.0025}, ("w",))


def test_a_records_error_is_data() -> None:
    error = {"code": "expired", "message": "too late"}

    good, bad = answer(
        calls.classify(["a", "b"]),
        {"result": [{"id": 0, "label": "x", "score": 0.5}, {"id": 1, "error": error}]},
    )

    assert good == Classification(label="x", score=0.5, labels=(Score(label="x", score=0.5),))
    assert bad == Classification(error=RecordError(code="expired", message="too late"))


def test_all_labels_that_were_asked_for_are_there_best_first() -> None:
    labels = [{"label": "x", "score": 0.7}, {"label": "y", "score": 0.3}]

    found = answer(calls.classify("a", top_k=2), {"result": [{"id": 0, "label": "x", "score": 0.7, "labels": labels}]})

    assert [(one.label, one.score) for one in found.labels] == [("x", 0.7), ("y", 0.3)]


def test_a_ranking_brings_its_texts() -> None:
    rows = [{"id": 1, "index": 1, "score": 0.9}, {"id": 0, "index": 0, "score": 0.1}]

    found = answer(calls.rerank("q", ["a", "b"]), {"result": rows})

    assert [(one.text, one.index, one.score) for one in found] == [("b", 1, 0.9), ("a", 0, 0.1)]


def test_clusters_bring_their_texts_and_say_which_have_none() -> None:
    said = {
        "result": [{"cluster": 0, "size": 2, "centre": 2, "records": [2, 0], "cohesion": 0.8}],
        "errors": [{"id": 1, "error": {"code": "invalid_input", "message": "why"}}],
    }

    found = answer(calls.cluster(["a", "b", "c"]), said)

    [cluster] = found.clusters
    assert (cluster.texts, cluster.places, cluster.cohesion) == (("c", "a"), (2, 0), 0.8)
    assert found.errors == {1: RecordError(code="invalid_input", message="why")}


def test_a_picture_is_a_path_bytes_or_one_of_pillows(tmp_path: Path) -> None:
    file = io.BytesIO()
    picture = Image.new("RGB", (2, 2), "red")
    picture.save(file, format="PNG")
    path = tmp_path / "red.png"
    path.write_bytes(file.getvalue())

    records = payload(calls.classify_image([path, str(path), file.getvalue(), picture]))["records"]

    assert {record["image"] for record in records} == {base64.b64encode(file.getvalue()).decode()}


def test_a_model_of_ones_own_is_asked_by_name_and_its_answer_is_raw() -> None:
    call = calls.ask("word-count", "a b", most=3)

    assert (call.address, payload(call)["most"]) == ("/models/word-count", 3)
    assert answer(call, {"result": [{"id": 0, "words": 2}]}).raw["words"] == 2


@pytest.mark.parametrize("name", ["../livez", "a/b", "a?b"])
def test_no_name_of_a_model_leads_elsewhere(name: str) -> None:
    assert set("/?") & set(calls.ask(name, "x").address.removeprefix("/models/")) == set()
