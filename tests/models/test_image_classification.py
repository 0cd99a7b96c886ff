"""Image classification: in a batch every picture has the scores that transformers gives it alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import (
    AutoModelForImageClassification,
    DeiTConfig,
    DeiTForImageClassificationWithTeacher,
    pipeline,
)

from batcher.engines.batch import BatchEngine
from batcher.models.card import make_card
from batcher.models.contract import InvalidInput, OutOfMemory
from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import find_weights
from batcher.models.images.recipe import recipe_of
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from broker.messages import Job
from server.codecs import make_codec
from tests.models import tiny
from tests.models.tiny_images import FAMILIES, SIDE, crops, picture_classifier, pictures, processor_of

DEMO = Path(__file__).parents[2] / "demo" / "image_classification"
BYTES = SIDE * SIDE * 3
ORIENTATION = 0x0112  # of EXIF: how to turn the picture upright


@pytest.fixture(autouse=True)
def nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    # A third of a second for each model.
    monkeypatch.setattr("batcher.models.images.classification.advise_network", lambda *_: None)


def load(directory: Path, **settings: Any) -> LoadedModel:
    return load_model(parse_spec(f"image-classification:{directory},name=tiny"), ModelSettings(**settings))


@torch.inference_mode()
def logits_alone(directory: Path, picture: Image.Image) -> torch.Tensor:
    network = AutoModelForImageClassification.from_pretrained(directory, dtype=torch.float32).eval()
    return network(**processor_of(directory)(picture, return_tensors="pt")).logits[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_scores_each_picture_as_transformers_does_alone(tmp_path: Path, family: str) -> None:
    directory = picture_classifier(tmp_path, family)
    some = pictures(6)
    expected = [logits_alone(directory, one).softmax(-1) for one in some]

    scores = load(directory).forward(crops(directory, some))

    assert torch.stack(expected).std(dim=0).max() > 0.01  # pictures differ, or anything would do
    assert [list(got) for got in scores] == [pytest.approx(one.tolist(), abs=1e-5) for one in expected]


def test_the_demo_model_scores_as_transformers_does() -> None:
    some = [*pictures(4, seed=1), Image.open(DEMO / "red_circle.png")]

    scores = load(DEMO).forward(crops(DEMO, some))

    expected = [pytest.approx(logits_alone(DEMO, one).softmax(-1).tolist(), abs=1e-5) for one in some]
    assert [list(got) for got in scores] == expected


@pytest.mark.parametrize("family", ["demo", *FAMILIES])
def test_a_file_gets_from_codec_and_model_what_the_pipeline_of_transformers_says(tmp_path: Path, family: str) -> None:
    directory = DEMO if family == "demo" else picture_classifier(tmp_path, family)
    file = tmp_path / "turned.jpg"
    upright = Image.Exif()
    upright[ORIENTATION] = 6
    pictures(1, seed=7)[0].save(file, exif=upright)
    model = load(directory)
    codec = make_codec(make_card("tiny", model.about), {})

    plan = codec.encode(file.read_bytes(), {"topK": 3})
    answer = codec.decode(plan, model.forward([piece.input for piece in plan.pieces]))

    best = pipeline("image-classification", model=str(directory), dtype=torch.float32)(str(file), top_k=3)
    assert [found["label"] for found in answer["labels"]] == [one["label"] for one in best]
    assert [found["score"] for found in answer["labels"]] == pytest.approx([one["score"] for one in best], abs=1e-5)


def test_a_picture_need_not_be_square(tmp_path: Path) -> None:
    directory = picture_classifier(tmp_path, "mobilenet_v1")
    rewritten(directory, "preprocessor_config.json", crop_size={"height": 32, "width": 24})
    (picture,) = pictures(1)

    (scores,) = load(directory).forward(crops(directory, [picture]))

    assert list(scores) == pytest.approx(logits_alone(directory, picture).softmax(-1).tolist(), abs=1e-5)


def test_a_network_with_a_teacher_scores_by_both_heads(tmp_path: Path) -> None:
    directory = picture_classifier(tmp_path, "deit")
    config = DeiTConfig.from_pretrained(directory)
    torch.manual_seed(3)
    DeiTForImageClassificationWithTeacher(config).save_pretrained(directory)
    (picture,) = pictures(1)

    (scores,) = load(directory).forward(crops(directory, [picture]))

    assert list(scores) == pytest.approx(logits_alone(directory, picture).softmax(-1).tolist(), abs=1e-5)


@pytest.mark.parametrize("family", ["vit", "resnet"])
def test_the_network_is_given_the_numbers_of_the_processor_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    directory, some = picture_classifier(tmp_path, family), pictures(3)
    model, given = load(directory), []
    network = type(AutoModelForImageClassification.from_pretrained(directory))
    plain = network.forward
    monkeypatch.setattr(
        network, "forward", lambda self, pixel_values: given.append(pixel_values) or plain(self, pixel_values)
    )

    model.forward(crops(directory, some))

    assert torch.equal(given[0], processor_of(directory)(some, return_tensors="pt")["pixel_values"])


@pytest.mark.parametrize(
    ("labels", "problem", "function"),
    [
        pytest.param(3, "multi_label_classification", torch.sigmoid, id="each label for itself"),
        pytest.param(1, None, torch.sigmoid, id="a single label"),
        pytest.param(3, None, lambda logits: logits.softmax(-1), id="one of several"),
        pytest.param(1, "regression", lambda logits: logits, id="a number"),
    ],
)
def test_scores_are_what_the_config_means(
    tmp_path: Path, labels: int, problem: str | None, function: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    directory = picture_classifier(tmp_path, labels=labels, problem_type=problem)
    (picture,) = pictures(1)

    (scores,) = load(directory).forward(crops(directory, [picture]))

    assert list(scores) == pytest.approx(function(logits_alone(directory, picture)).tolist(), abs=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_tells_the_front_ends_all_that_they_need(tmp_path: Path, family: str) -> None:
    directory = picture_classifier(tmp_path, family, labels=2)

    about, cost = load(directory).about, FAMILIES[family].cost

    assert (about.task, about.codec, about.max_cost) == ("image-classification", "image", cost)
    assert about.labels == ("label 0", "label 1")
    assert about.options == {"image": recipe_of(find_weights(str(directory))).for_card(), "cost": cost}


def test_pictures_are_one_size_so_batches_are_cut_by_their_number(tmp_path: Path) -> None:
    model = load(picture_classifier(tmp_path))

    assert (model.pads, model.example, model.cost and model.cost(model.example)) == (False, bytes(BYTES), 17)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"do_normalize": False}, id="other preprocessing"),
        pytest.param({"rescale_factor": 1 / 127.5}, id="what the card does not tell"),
    ],
)
def test_preprocessing_is_part_of_the_revision(tmp_path: Path, change: dict[str, Any]) -> None:
    directory = picture_classifier(tmp_path)
    before, file = load(directory).about.revision, directory / "preprocessor_config.json"

    file.write_text(json.dumps(json.loads(file.read_text()) | change))

    assert load(directory).about.revision != before


def test_the_dtype_is_part_of_the_revision(tmp_path: Path) -> None:
    directory = picture_classifier(tmp_path)

    assert load(directory).about.revision != load(directory, dtype="bf16").about.revision


@pytest.mark.parametrize("dtype", ["bf16", "fp16", "int8"])
@pytest.mark.parametrize("family", ["vit", "swin", "resnet"])
def test_smaller_numbers_score_nearly_the_same(tmp_path: Path, family: str, dtype: str) -> None:
    directory = picture_classifier(tmp_path, family)
    rows = crops(directory, pictures(4))

    full, small = load(directory).forward(rows), load(directory, dtype=dtype).forward(rows)

    assert small != full
    assert [list(row) for row in small] == [pytest.approx(list(row), abs=0.1) for row in full]


@pytest.mark.parametrize(
    ("input", "why"),
    [
        pytest.param("a text", "a picture's pixels as bytes", id="text"),
        pytest.param(bytes(BYTES - 1), r"32×32 pixels of 3 bytes, not 3071 bytes", id="too few"),
        pytest.param(bytes(2 * BYTES), r"32×32 pixels of 3 bytes, not 6144 bytes", id="two at once"),
        pytest.param(b"", "not 0 bytes", id="none"),
    ],
)
def test_an_impossible_input_is_refused(tmp_path: Path, input: Any, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        load(picture_classifier(tmp_path)).forward([bytes(BYTES), input])


def test_an_impossible_input_fails_alone(tmp_path: Path) -> None:
    engine = BatchEngine(load(picture_classifier(tmp_path)))
    rows = [*(bytes([at] * BYTES) for at in range(15)), bytes(7)]

    engine.admit([Job(id=str(n), front_end="f", input=row) for n, row in enumerate(rows)])
    done = engine.step()

    assert [one.job_id for one in done if one.failure] == ["15"]


def test_a_lack_of_memory_is_told_in_the_words_of_the_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    model = load(picture_classifier(tmp_path))
    monkeypatch.setattr("transformers.ViTForImageClassification.forward", full)

    with pytest.raises(OutOfMemory):
        model.forward([bytes(BYTES)])


def test_it_warms_up(tmp_path: Path) -> None:
    load(picture_classifier(tmp_path)).warm_up()


def refusal(directory: Path) -> str:
    with pytest.raises(ModelSpecError) as caught:
        load(directory)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rewritten(directory: Path, name: str, **change: Any) -> Path:
    said = json.loads((directory / name).read_text())
    (directory / name).write_text(json.dumps(said | change))
    return directory


def test_a_processor_that_is_not_served_is_refused_by_name_before_a_weight_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batcher.models.from_files._made", lambda *_: pytest.fail("weights are read"))
    directory = picture_classifier(tmp_path)
    rewritten(directory, "preprocessor_config.json", image_processor_type="MobileViTImageProcessor")

    words = refusal(directory)

    assert "asks for MobileViTImageProcessor; pictures are prepared here as by BeitImageProcessor, " in words


def test_a_directory_without_preprocessing_is_refused(tmp_path: Path) -> None:
    (picture_classifier(tmp_path) / "preprocessor_config.json").unlink()

    assert "holds no preprocessor_config.json" in refusal(tmp_path)


def test_pictures_of_another_size_than_the_networks_are_refused(tmp_path: Path) -> None:
    directory = rewritten(picture_classifier(tmp_path), "preprocessor_config.json", size=48)

    assert f"{directory} (vit) cannot compute a picture: " in refusal(directory)


def test_a_checkpoint_without_a_classifier_is_refused(tmp_path: Path) -> None:
    network = AutoModelForImageClassification.from_pretrained(picture_classifier(tmp_path))
    network.vit.save_pretrained(tmp_path)

    assert "lacks classifier.bias, so it was not trained for this kind of model" in refusal(tmp_path)


def test_a_classifier_of_texts_is_refused(tmp_path: Path) -> None:
    file = picture_classifier(tmp_path / "pictures") / "preprocessor_config.json"
    directory = tiny.classifier(tmp_path / "texts")
    (directory / file.name).write_bytes(file.read_bytes())

    assert f"{directory} is a bert model, which classifies no pictures" in refusal(directory)
