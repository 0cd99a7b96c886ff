"""The codec of pictures: a file's bytes into one job, scores into labels, and the request's bounds on the way."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

import server.codecs
from broker.messages import ModelCard
from server.codecs import make_codec
from server.codecs.contract import Codec
from server.codecs.errors import Abandoned, CodecError, RequestTooLarge
from server.codecs.work import Work
from tests.unit.server.codecs.images.pictures import file_of, noise, smooth

LABELS = ("cat", "dog", "owl")
SQUARE = {"height": 4, "width": 6, "steps": [["resize", 4, 6, 2]]}
CROPPED = {"height": 4, "width": 4, "steps": [["resize_shortest", 4, 2], ["crop", 4, 4]]}


def card(image: Any = SQUARE, **fields: Any) -> ModelCard:
    options = {"image": image, "cost": 17}
    named: dict[str, Any] = {"name": "pets", "task": "image-classification", "codec": "image", "revision": "1"}
    return ModelCard(**named | {"labels": LABELS, "options": options} | fields)


def codec(image: Any = SQUARE) -> Codec:
    return make_codec(card(image), {})


def test_a_picture_becomes_one_job_of_its_pixels_at_the_card_s_cost() -> None:
    plan = codec().encode(file_of(noise(6, 4)), {})

    (piece,) = plan.pieces
    assert (piece.input, piece.cost) == (noise(6, 4).tobytes(), 17)


def test_what_a_crop_lacks_is_black() -> None:
    image = {"height": 3, "width": 3, "steps": [["crop", 3, 3]]}

    (piece,) = codec(image).encode(file_of(noise(1, 1)), {}).pieces

    assert piece.input == bytes(12) + noise(1, 1).tobytes() + bytes(12)


def test_scores_become_the_best_label() -> None:
    made = codec()
    plan = made.encode(file_of(noise(6, 4)), {})

    assert made.decode(plan, [array("f", [0.1, 0.7, 0.2])]) == {"label": "dog", "score": 0.7}


def test_the_best_few_labels_come_where_they_are_asked_for() -> None:
    made = codec()
    plan = made.encode(file_of(noise(6, 4)), {"topK": 2})

    assert made.decode(plan, [array("f", [0.1, 0.7, 0.2])]) == {
        "label": "dog",
        "score": 0.7,
        "labels": [{"label": "dog", "score": 0.7}, {"label": "owl", "score": 0.2}],
    }


def test_what_is_no_scores_is_no_answer() -> None:
    made = codec()
    plan = made.encode(file_of(noise(6, 4)), {})

    with pytest.raises(ValueError, match="dict in place of numbers"):
        made.decode(plan, [{"cat": 1.0}])


@pytest.mark.parametrize("top", [0, -1, True, "2", 1.5])
def test_a_number_of_labels_that_is_none_is_refused(top: Any) -> None:
    with pytest.raises(CodecError, match="topK"):
        codec().check({"topK": top})


def test_a_text_is_no_picture() -> None:
    with pytest.raises(CodecError, match="pictures, not text"):
        codec().encode("a cat", {})


def test_what_is_no_picture_is_invalid_input() -> None:
    with pytest.raises(CodecError, match="JPEG, PNG, WebP, GIF or BMP") as refused:
        codec().encode(b"a cat", {})

    assert refused.value.code == "invalid_input"


def test_the_request_s_bound_on_pixels_is_kept() -> None:
    with pytest.raises(CodecError, match="6 × 4 pixels; no more than 23") as refused:
        codec().encode(file_of(noise(6, 4)), {}, Work(max_pixels=23))

    assert refused.value.code == "too_large"


def test_a_picture_too_thin_to_be_resized_is_refused() -> None:
    with pytest.raises(CodecError, match="too thin") as refused:
        codec(CROPPED).encode(file_of(smooth(30_000, 1), "BMP"), {}, Work(max_pixels=30_000))

    assert refused.value.code == "too_large"


def test_a_bound_smaller_than_what_the_model_wants_bounds_what_comes_in_only() -> None:
    assert len(codec(CROPPED).encode(file_of(noise(2, 1)), {}, Work(max_pixels=2)).pieces) == 1


def test_a_picture_is_spent_before_it_is_read() -> None:
    with pytest.raises(RequestTooLarge):
        codec().encode(b"no picture", {}, Work(jobs=0))
    with pytest.raises(RequestTooLarge):
        codec().encode(b"no picture", {}, Work(tokens=16))


def test_pictures_count_as_the_memory_that_they_take() -> None:
    none, work = Work(), Work()
    none.spend(1, 17)

    codec().encode(file_of(noise(6, 4)), {}, work)

    assert work.made_bytes - none.made_bytes == 4 * 6 * 3


def test_nobody_s_picture_is_not_prepared() -> None:
    work = Work()
    work.stop()

    with pytest.raises(Abandoned):
        codec().encode(file_of(noise(6, 4)), {}, work)


def test_a_request_that_is_encoded_anew_keeps_its_bound() -> None:
    assert Work(max_pixels=23).again().max_pixels == 23


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({"options": {}}, "pets.*does not say how", id="no recipe"),
        pytest.param({"labels": ()}, "pets.*no labels", id="no labels"),
        pytest.param(
            {"image": SQUARE | {"steps": [["rotate", 90]]}}, "no step 'rotate'", id="a step of a newer batcher"
        ),
        pytest.param({"image": SQUARE | {"steps": [["resize", 4, 6, 99]]}}, "99 is not", id="an unknown filter"),
        pytest.param({"image": SQUARE | {"steps": [["crop", 4]]}}, "no step 'crop' of 1", id="a step of fewer numbers"),
    ],
)
def test_a_card_that_cannot_be_obeyed_is_a_clear_error(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        make_codec(card(**fields), {})


def test_without_pillow_a_request_is_told_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr(server.codecs, "find_spec", lambda name: None)
    made = make_codec(card(), {})

    with pytest.raises(CodecError, match=r"pets.*pip install 'jitney\[server,images\]'") as refused:
        made.check({})

    assert refused.value.code == "unknown_model"
