"""How a checkpoint's `preprocessor_config.json` wants pictures: steps for front ends, and numbers for the card."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeGuard

from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights

FILE, NESTED = "preprocessor_config.json", "processor_config.json"
REMEDY = "serve it as a model of your own (docs/custom-model.md)"
BILINEAR, BICUBIC = 2, 3
FILTERS = range(6)  # Pillow's numbers: nearest, Lanczos, bilinear, bicubic, box, Hamming

HALF = (0.5, 0.5, 0.5)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
# What a processor does where the file does not say, or says null. That of all classes first, then of each.
OF_ALL: Mapping[str, Any] = {
    "do_resize": True,
    "do_center_crop": False,
    "do_rescale": True,
    "do_normalize": True,
    "rescale_factor": 1 / 255,
    "image_mean": HALF,
    "image_std": HALF,
    "default_to_square": True,
}
CLIP_LIKE = {
    "size": {"shortest_edge": 224},
    "crop_size": 224,
    "resample": BICUBIC,
    "do_center_crop": True,
    "default_to_square": False,
    "image_mean": CLIP_MEAN,
    "image_std": CLIP_STD,
}
MOBILENET_LIKE = {
    "size": {"shortest_edge": 256},
    "crop_size": 224,
    "resample": BILINEAR,
    "do_center_crop": True,
    "default_to_square": False,
}
CONVNEXT = "ConvNextImageProcessor"
CLASSES: Mapping[str, Mapping[str, Any]] = {
    "BeitImageProcessor": {"size": 224, "crop_size": 224, "resample": BICUBIC},
    "BitImageProcessor": CLIP_LIKE,  # DINOv2 too
    "CLIPImageProcessor": CLIP_LIKE,
    CONVNEXT: {  # ResNet and RegNet too
        "size": {"shortest_edge": 384},
        "resample": BICUBIC,
        "crop_pct": 224 / 256,
        "default_to_square": False,
    },
    "DeiTImageProcessor": {"size": 256, "crop_size": 224, "resample": BICUBIC, "do_center_crop": True},
    "MobileNetV1ImageProcessor": MOBILENET_LIKE,
    "MobileNetV2ImageProcessor": MOBILENET_LIKE,
    "SiglipImageProcessor": {"size": {"height": 224, "width": 224}, "resample": BICUBIC, "default_to_square": False},
    "ViTImageProcessor": {"size": 224, "resample": BILINEAR},  # Swin too
}
WARPED_FROM = 384  # pixels of a ConvNeXT's side: larger pictures are warped rather than cropped

# Every picture has been made RGB before; the last is about maps of labels.
DONE = ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "do_reduce_labels")
# These change pixels as well, and do not begin with "do_".
NOT_DONE = ("rescale_offset", "use_square_size")

Step = Sequence[str | int]
Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A picture becomes `height` × `width` RGB by the steps, and its values floats by the three numbers."""

    height: int
    width: int
    steps: Sequence[Step]
    rescale: float = 1.0
    mean: Colour = (0.0, 0.0, 0.0)
    std: Colour = (1.0, 1.0, 1.0)

    def for_card(self) -> dict[str, Any]:
        """`options["image"]` of the card: what front ends obey."""
        return {"height": self.height, "width": self.width, "steps": [list(step) for step in self.steps]}

    def table(self) -> list[list[float]]:
        """256 rows of three: what each value of each channel becomes. Each is a float32, and to the last bit the one
        that a processor of transformers computes with Pillow."""
        # The float32 nearest to what Python computes in double is the one that float32 arithmetic gives, for both
        # operands are float32s.
        mean, std = [list(map(_single, numbers)) for numbers in (self.mean, self.std)]
        scaled = [_single(value * self.rescale) for value in range(256)]
        return [[_single(_single(one - mean[at]) / std[at]) for at in range(3)] for one in scaled]


def recipe_of(weights: Weights) -> Recipe:
    """What a model directory says, in the file that transformers would read. Raises `ModelSpecError`."""
    nested = weights.json_object(NESTED).get("image_processor")
    if isinstance(nested, Mapping):
        return read_recipe(nested, str(weights.directory / NESTED))
    if not weights.has(FILE):
        raise ModelSpecError(f"{weights.directory} holds no {FILE}, which says how its pictures are prepared")
    return read_recipe(weights.json_object(FILE), str(weights.directory / FILE))


def read_recipe(config: Mapping[str, Any], where: str = FILE) -> Recipe:
    """What such a file says. Raises `ModelSpecError`, with `where`, for what would be prepared otherwise than it means,
    and for what does not end in one size for all pictures."""
    name = _class_name(config, where)
    said = {**OF_ALL, **CLASSES[name], **{key: value for key, value in config.items() if value is not None}}
    _check_flags(said, where)
    steps = _steps(name, said, where)
    height, width = _final_size(steps, where)
    numbers: dict[str, Any] = {}
    if said["do_rescale"]:
        numbers["rescale"] = _number(said, "rescale_factor", where)
    if said["do_normalize"]:
        numbers["mean"], numbers["std"] = _colour(said, "image_mean", where), _colour(said, "image_std", where)
        if not all(map(_single, numbers["std"])):
            _refuse(where, "divides by an image_std of 0")
    return Recipe(height=height, width=width, steps=steps, **numbers)


def _class_name(config: Mapping[str, Any], where: str) -> str:
    named = config.get("image_processor_type") or config.get("feature_extractor_type")
    if not named:
        _refuse(where, "names no image_processor_type")
    name = str(named).removesuffix("Pil").removesuffix("Fast").replace("FeatureExtractor", "ImageProcessor")
    if name not in CLASSES:
        _refuse(where, f"asks for {str(named)[:80]}; pictures are prepared here as by {', '.join(CLASSES)}")
    return name


def _check_flags(said: Mapping[str, Any], where: str) -> None:
    for key in DONE:
        if not isinstance(said.get(key, False), bool):
            _refuse(where, f"has a {key} that is neither true nor false")
    for key, value in said.items():
        if value and (key in NOT_DONE or (key.startswith("do_") and key not in DONE)):
            _refuse(where, f"asks for {key}, which is not done here")


def _steps(name: str, said: Mapping[str, Any], where: str) -> list[Step]:
    steps: list[Step] = []
    if said["do_resize"]:
        size = _size(said, "size", where, is_square=bool(said["default_to_square"]))
        resample = _one_of_the_filters(said, where)
        steps += _as_convnext(size, said, resample, where) if name == CONVNEXT else [_resize(size, resample, where)]
    if said["do_center_crop"]:
        crop = _size(said, "crop_size", where, is_square=True)
        if crop.keys() != {"height", "width"}:
            _refuse(where, f"has a crop_size of {', '.join(crop)}, where a height and a width are wanted")
        steps.append(["crop", crop["height"], crop["width"]])
    return steps


def _resize(size: Mapping[str, int], resample: int, where: str) -> Step:
    match sorted(size):
        case ["height", "width"]:
            return ["resize", size["height"], size["width"], resample]
        case ["shortest_edge"]:
            return ["resize_shortest", size["shortest_edge"], resample]
        case ["longest_edge", "shortest_edge"]:
            return ["resize_between", size["shortest_edge"], size["longest_edge"], resample]
        case ["max_height", "max_width"]:
            return ["resize_within", size["max_height"], size["max_width"], resample]
        case _:
            _refuse(where, f"has a size of {', '.join(size) or 'nothing'}, which is not done here")


def _as_convnext(size: Mapping[str, int], said: Mapping[str, Any], resample: int, where: str) -> list[Step]:
    if "shortest_edge" not in size:
        _refuse(where, f"has a size without shortest_edge, which {CONVNEXT} wants")
    side = size["shortest_edge"]
    if side >= WARPED_FROM:
        return [["resize", side, side, resample]]
    share = _number(said, "crop_pct", where)
    if not 0 < share <= side:
        _refuse(where, f"has a crop_pct of {share}")
    return [["resize_shortest", int(side / share), resample], ["crop", side, side]]


def _final_size(steps: Sequence[Step], where: str) -> tuple[int, int]:
    match steps[-1] if steps else ():
        case ["resize" | "crop", int(height), int(width), *_]:
            return height, width
        case _:
            _refuse(where, "does not make all pictures one size: it neither crops them nor resizes them to one")


def _size(said: Mapping[str, Any], key: str, where: str, *, is_square: bool) -> dict[str, int]:
    """A size by the names of its sides, however it is spelt."""
    size = said.get(key)
    if _is_length(size):
        size = {"height": size, "width": size} if is_square else {"shortest_edge": size}
    elif isinstance(size, list | tuple) and len(size) == 2:
        size = {"height": size[0], "width": size[1]}
    if not isinstance(size, Mapping) or not all(map(_is_length, size.values())):
        _refuse(where, f"has no {key} that can be read")
    return {str(side): length for side, length in size.items()}


def _one_of_the_filters(said: Mapping[str, Any], where: str) -> int:
    resample = said.get("resample")
    if not isinstance(resample, int) or isinstance(resample, bool) or resample not in FILTERS:
        _refuse(where, f"has a resample of {str(resample)[:40]}, where one of Pillow's filters, 0 to 5, is wanted")
    return resample


def _colour(said: Mapping[str, Any], key: str, where: str) -> Colour:
    """Three numbers, or one for all channels."""
    value = said.get(key)
    said_each = value if isinstance(value, list | tuple) else [value] * 3
    numbers = [float(number) for number in said_each if _is_number(number)]
    if not len(numbers) == len(said_each) == 3:
        _refuse(where, f"has an {key} that is neither a number nor three")
    red, green, blue = numbers
    return red, green, blue


def _number(said: Mapping[str, Any], key: str, where: str) -> float:
    value = said.get(key)
    if not _is_number(value):
        _refuse(where, f"has a {key} that is no number")
    return float(value)


def _is_length(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _single(number: float) -> float:
    return array("f", [number])[0]


def _refuse(where: str, why: str) -> NoReturn:
    raise ModelSpecError(f"{where} {why}; {REMEDY}")
