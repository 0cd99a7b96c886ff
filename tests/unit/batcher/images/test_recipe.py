"""What `preprocessor_config.json` asks of a picture, and what is refused. Pixels: tests/models/test_image_recipes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights
from batcher.models.images.recipe import CLASSES, read_recipe, recipe_of

VIT, CLIP, CONVNEXT = "ViTImageProcessor", "CLIPImageProcessor", "ConvNextImageProcessor"


def steps(name: str, **config: Any) -> list[Any]:
    return [tuple(step) for step in read_recipe({"image_processor_type": name, **config}).steps]


@pytest.mark.parametrize("named", ["ViTImageProcessorFast", "ViTImageProcessorPil", "ViTImageProcessor"])
def test_a_class_is_known_whatever_it_computes_with(named: str) -> None:
    assert read_recipe({"image_processor_type": named}) == read_recipe({"image_processor_type": VIT})


def test_a_class_is_known_by_its_name_of_old() -> None:
    assert read_recipe({"feature_extractor_type": "CLIPFeatureExtractor"}) == read_recipe(
        {"image_processor_type": CLIP}
    )


def test_the_newer_name_counts_where_a_file_has_both() -> None:
    both = {"image_processor_type": VIT, "feature_extractor_type": "CLIPFeatureExtractor"}

    assert read_recipe(both) == read_recipe({"image_processor_type": VIT})


@pytest.mark.parametrize(
    ("config", "found"),
    [
        pytest.param({"size": 64}, [("resize", 64, 64, 2)], id="one number is a square"),
        pytest.param({"size": [32, 64]}, [("resize", 32, 64, 2)], id="two are height and width"),
        pytest.param({"size": {"height": 32, "width": 64}}, [("resize", 32, 64, 2)], id="by name"),
        pytest.param({"size": None, "resample": None}, [("resize", 224, 224, 2)], id="null is what the class does"),
        pytest.param({"size": 64, "resample": 0}, [("resize", 64, 64, 0)], id="the nearest pixel is a filter too"),
        pytest.param(
            {"size": 64, "default_to_square": False, "do_center_crop": True, "crop_size": 48},
            [("resize_shortest", 64, 2), ("crop", 48, 48)],
            id="the file may say what one number means",
        ),
        pytest.param({"do_resize": False, "do_center_crop": True, "crop_size": [8, 9]}, [("crop", 8, 9)], id="a crop"),
    ],
)
def test_sizes_are_read_however_they_are_spelt(config: dict[str, Any], found: list[Any]) -> None:
    assert steps(VIT, **config) == found


@pytest.mark.parametrize(
    ("config", "found"),
    [
        pytest.param({}, [("resize_shortest", 224, 3), ("crop", 224, 224)], id="its own"),
        pytest.param(
            {"size": 99}, [("resize_shortest", 99, 3), ("crop", 224, 224)], id="one number is the shorter side"
        ),
        pytest.param(
            {"size": {"shortest_edge": 90, "longest_edge": 120}, "crop_size": 64},
            [("resize_between", 90, 120, 3), ("crop", 64, 64)],
            id="between",
        ),
        pytest.param(
            {"size": {"max_height": 90, "max_width": 120}, "crop_size": {"height": 60, "width": 70}},
            [("resize_within", 90, 120, 3), ("crop", 60, 70)],
            id="within",
        ),
    ],
)
def test_a_side_and_a_crop_make_one_size(config: dict[str, Any], found: list[Any]) -> None:
    assert steps(CLIP, **config) == found


@pytest.mark.parametrize(
    ("config", "found"),
    [
        pytest.param({}, [("resize", 384, 384, 3)], id="from 384 on it is warped"),
        pytest.param({"size": 224}, [("resize_shortest", 256, 3), ("crop", 224, 224)], id="below it is cropped"),
        pytest.param(
            {"size": 383, "crop_pct": 0.95}, [("resize_shortest", 403, 3), ("crop", 383, 383)], id="by a share"
        ),
    ],
)
def test_a_convnext_is_cropped_or_warped_by_its_size(config: dict[str, Any], found: list[Any]) -> None:
    assert steps(CONVNEXT, **config) == found


def test_what_goes_to_front_ends_has_no_number_of_the_card() -> None:
    assert read_recipe({"image_processor_type": VIT}).for_card() == {
        "height": 224,
        "width": 224,
        "steps": [["resize", 224, 224, 2]],
    }


def test_values_are_rescaled_and_normalised_where_the_file_does_not_say_otherwise() -> None:
    recipe = read_recipe({"image_processor_type": VIT})

    assert (recipe.table()[0], recipe.table()[255]) == ([-1.0] * 3, [1.0] * 3)


def test_values_stay_as_they_are_where_the_file_wants_it() -> None:
    recipe = read_recipe({"image_processor_type": VIT, "do_rescale": False, "do_normalize": False})

    assert recipe.table() == [[float(value)] * 3 for value in range(256)]


def test_each_channel_has_a_mean_of_its_own() -> None:
    recipe = read_recipe({"image_processor_type": VIT, "do_rescale": False, "image_mean": [1, 2, 3], "image_std": 2.0})

    assert recipe.table()[9] == [4.0, 3.5, 3.0]


@pytest.mark.parametrize(
    ("config", "why"),
    [
        pytest.param({}, "names no image_processor_type", id="no class"),
        pytest.param(
            {"image_processor_type": "SegformerImageProcessor"},
            "asks for SegformerImageProcessor.*BeitImageProcessor.*ViTImageProcessor",
            id="another class",
        ),
        pytest.param({"image_processor_type": VIT, "do_flip_channel_order": True}, "do_flip_channel_order", id="BGR"),
        pytest.param({"image_processor_type": VIT, "rescale_offset": True}, "rescale_offset", id="an offset"),
        pytest.param({"image_processor_type": VIT, "do_pad": True}, "do_pad", id="padding"),
        pytest.param(
            {"image_processor_type": VIT, "do_resize": 1}, "do_resize that is neither", id="a flag that is none"
        ),
        pytest.param({"image_processor_type": VIT, "do_resize": False}, "one size", id="pictures as they come"),
        pytest.param({"image_processor_type": VIT, "size": {"shortest_edge": 9}}, "one size", id="no crop"),
        pytest.param(
            {"image_processor_type": "SiglipImageProcessor", "size": 9}, "one size", id="a number that is a side"
        ),
        pytest.param({"image_processor_type": VIT, "size": {"longest_edge": 9}}, "longest_edge", id="a longest edge"),
        pytest.param({"image_processor_type": VIT, "size": {}}, "a size of nothing", id="no side"),
        pytest.param({"image_processor_type": VIT, "size": 0}, "size that can be read", id="nothing"),
        pytest.param({"image_processor_type": VIT, "size": True}, "size that can be read", id="a size that is true"),
        pytest.param({"image_processor_type": VIT, "size": [1, 2, 3]}, "size that can be read", id="three sizes"),
        pytest.param(
            {"image_processor_type": VIT, "size": {"height": 1.5, "width": 2}}, "size that can", id="a fraction"
        ),
        pytest.param(
            {"image_processor_type": VIT, "do_center_crop": True}, "crop_size that can", id="a crop of no size"
        ),
        pytest.param(
            {"image_processor_type": CLIP, "crop_size": {"shortest_edge": 9}}, "crop_size of shortest_edge", id="a side"
        ),
        pytest.param({"image_processor_type": VIT, "resample": 6}, "resample of 6", id="an unknown filter"),
        pytest.param({"image_processor_type": VIT, "resample": "bicubic"}, "resample of bicubic", id="a filter's name"),
        pytest.param(
            {"image_processor_type": CONVNEXT, "size": {"height": 9, "width": 9}}, "without short", id="convnext"
        ),
        pytest.param({"image_processor_type": CONVNEXT, "size": 9, "crop_pct": 0}, "crop_pct of 0", id="no share"),
        pytest.param({"image_processor_type": VIT, "image_mean": [0.5, 0.5]}, "image_mean", id="two channels"),
        pytest.param({"image_processor_type": VIT, "image_std": [0.5, 0.5, 0]}, "image_std of 0", id="no deviation"),
        pytest.param({"image_processor_type": VIT, "rescale_factor": "1/255"}, "rescale_factor", id="a text"),
    ],
)
def test_what_would_be_prepared_otherwise_is_refused_in_clear_words(config: dict[str, Any], why: str) -> None:
    with pytest.raises(ModelSpecError, match=f"^there/file.json .*{why}"):
        read_recipe(config, "there/file.json")


def test_a_flag_that_is_off_is_no_matter() -> None:
    assert steps(VIT, do_flip_channel_order=False, do_pad=False, rescale_offset=False) == steps(VIT)


def weights(directory: Path, **files: Any) -> Weights:
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    return Weights(directory=directory, fingerprint="1")


def test_the_directory_s_own_file_is_read(tmp_path: Path) -> None:
    recipe = recipe_of(weights(tmp_path, preprocessor_config={"image_processor_type": VIT, "size": 32}))

    assert (recipe.height, recipe.width) == (32, 32)


def test_a_processor_s_file_comes_first_where_it_holds_that_of_pictures(tmp_path: Path) -> None:
    config = {"image_processor_type": VIT, "size": 48}
    files = {"preprocessor_config": config | {"size": 32}, "processor_config": {"image_processor": config}}

    assert recipe_of(weights(tmp_path, **files)).height == 48


def test_a_directory_that_does_not_say_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelSpecError, match=r"holds no preprocessor_config\.json"):
        recipe_of(weights(tmp_path))


def test_every_class_has_a_recipe() -> None:
    sizes = {name: read_recipe({"image_processor_type": name}).height for name in CLASSES}

    assert sizes == dict.fromkeys(CLASSES, 224) | {CONVNEXT: 384}
