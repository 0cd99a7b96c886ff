"""Pictures through real processes: in our own forms, by Hugging Face's client, and to a front end without Pillow."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import InferenceClient, constants
from huggingface_hub.errors import HfHubHTTPError

from tests.integration.processes import ROOT, Reply
from tests.integration.stack import Stack, stack

Image = pytest.importorskip("PIL.Image")
GUIDE = ROOT / "docs" / "custom-model.md"
PATH = "/image-classification"
HUGGING_FACE = "/huggingface/image-classification"
RED, BLUE = (250, 20, 20), (10, 10, 200)
WITHOUT_PILLOW = "import sys; sys.modules['PIL'] = None  # it is not found, as where it is not installed\n"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The model is that of the guide; another like it wants so many pixels that they lie apart in the broker."""
    directory = tmp_path_factory.mktemp("guide")
    guide = GUIDE.read_text().split("```python\n")[2].split("```")[0]
    (directory / "colours.py").write_text(guide)
    (directory / "large.py").write_text(re.sub(r"\b8\b", "128", guide).replace("class Colour", "class Large"))
    models = ["colours:Colour", "large:Large", "synthetic:1ms+0.1ms"]
    with stack(models=models, max_pixels=1_000_000, PYTHONPATH=directory) as made:
        yield made


@pytest.fixture
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run with HF_HUB_OFFLINE, which forbids the client this too."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def picture(colour: tuple[int, int, int], kind: str = "PNG", size: tuple[int, int] = (30, 20)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, kind)
    return written.getvalue()


def bare(system: Stack, body: bytes, query: str = "", content_type: str = "image/png") -> Reply:
    return system.post(PATH + query, body, {"Content-Type": content_type})


def record(record_id: str, content: bytes) -> dict[str, Any]:
    return {"id": record_id, "image": base64.b64encode(content).decode()}


def test_the_guide_s_model_of_bytes_answers_as_the_guide_says(system: Stack) -> None:
    reply = bare(system, picture((0, 0, 255)))

    assert "jitney up --model colours:Colour\n" in GUIDE.read_text()
    assert f"--data-binary @blue.png\n{reply.body.decode()}\n" in GUIDE.read_text()


def test_pictures_are_answered_by_id_and_what_is_none_fails_alone(system: Stack) -> None:
    records = [record("a", picture(BLUE, "JPEG")), record("b", b"no picture"), record("c", picture(RED, "GIF"))]

    reply = system.post(PATH, {"payload": {"records": records}})

    first, failed, last = reply.json()["result"]
    assert [(one["id"], one["label"]) for one in (first, last)] == [("a", "blue"), ("c", "red")]
    assert (failed["id"], failed["error"]["code"]) == ("b", "invalid_input")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_a_picture_of_any_kind_is_the_body(system: Stack, kind: str) -> None:
    reply = bare(system, picture(RED, kind), "?topK=3", "image/whatever")

    (row,) = reply.json()["result"]
    assert (row["id"], row["label"], len(row["labels"])) == (0, "red", 3)
    assert sum(one["score"] for one in row["labels"]) == pytest.approx(1.0)


def test_pixels_that_lie_apart_in_the_broker_are_answered_and_go(system: Stack) -> None:
    records = [record(f"r{number}", picture(colour)) for number, colour in enumerate((RED, BLUE))]

    reply = system.post("/models/large", {"payload": {"records": records}})

    assert [row["label"] for row in reply.json()["result"]] == ["red", "blue"], reply.body
    assert not system.redis.keys("*:body:*")


def test_a_small_body_of_too_many_pixels_is_refused(system: Stack) -> None:
    bomb = picture(RED, size=(1001, 1000))

    reply = bare(system, bomb)

    assert len(bomb) < 8192
    assert (reply.status, reply.json()["code"]) == (413, "too_large")
    assert "1000000" in reply.json()["detail"]


@pytest.mark.usefixtures("on_loopback")
def test_the_client_of_hugging_face_is_answered(system: Stack, tmp_path: Path) -> None:
    file = tmp_path / "red.jpg"
    file.write_bytes(picture(RED, "JPEG"))
    client = InferenceClient(system.url + HUGGING_FACE)
    named = InferenceClient(f"{system.url}{HUGGING_FACE}?model=colour")

    by_file, as_bytes, best = (
        client.image_classification(file),
        named.image_classification(file.read_bytes()),
        client.image_classification(file.read_bytes(), top_k=1),
    )

    assert [one.label for one in by_file] == ["red", "green", "blue"]
    assert by_file == as_bytes
    assert best == by_file[:1]


@pytest.mark.usefixtures("on_loopback")
@pytest.mark.parametrize(
    ("query", "content", "status", "said"),
    [("", b"no picture", 422, "no picture"), ("?model=synthetic", b"", 404, "'synthetic' is for")],
)
def test_the_client_of_hugging_face_shows_what_was_wrong(
    system: Stack, query: str, content: bytes, status: int, said: str
) -> None:
    client = InferenceClient(system.url + HUGGING_FACE + query)

    with pytest.raises(HfHubHTTPError) as caught:
        client.image_classification(content)

    assert caught.value.response.status_code == status
    assert said in str(caught.value)


def test_a_front_end_without_pillow_says_what_to_install_and_serves_all_else(system: Stack, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_PILLOW)
    front_end = system.start_front_end(PYTHONPATH=tmp_path)
    system.wait_live(batchers=2)

    refused = front_end.post(PATH, picture(RED), {"Content-Type": "image/png"})
    text = front_end.post("/models/synthetic", {"payload": {"records": [{"id": 1, "text": "abc"}]}})

    assert (refused.status, refused.json()["code"]) == (404, "unknown_model")
    assert "pip install 'jitney[server,images]'" in refused.json()["detail"]
    assert text.json() == {"result": [{"id": 1, "text": "cba"}]}
