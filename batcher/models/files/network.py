"""The network of a model directory, as transformers makes it, with its weights on a device."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import transformers

from batcher.engines.exceptions import card_failed, is_memory, one_line
from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights, has_safetensors
from batcher.models.layers.tensors import DTYPES
from batcher.models.layers.threads import threads
from batcher.models.settings import ModelSettings

CLASSIFIER = re.compile("For(Sequence|Image)Classification")  # in the name of a class of transformers


def load_network(network_class: Any, weights: Weights, settings: ModelSettings, **config: Any) -> Any:
    """The network on its device, ready to compute; `config` instead of what its config.json says.

    Raises `ModelSpecError` for weights that are not all there.
    """
    device = device_of(settings.device)
    if settings.dtype == "int8" and device.type != "cpu":
        raise ModelSpecError(f"int8 is computed on a CPU, not on {device}: say dtype=bf16 or fp16, or device=cpu")
    torch.set_num_threads(threads(settings.threads))
    if device.type == "cuda":
        # cuDNN's attention plans for every shape that it meets, and each batch here has another.
        torch.backends.cuda.enable_cudnn_sdp(False)
        # Convolutions would round fp32 to ten bits otherwise, as products do not.
        torch.backends.cudnn.allow_tf32 = False
    with _quiet():
        try:
            network, report = network_class.from_pretrained(
                weights.directory,
                dtype=DTYPES[settings.dtype],
                use_safetensors=has_safetensors(weights.directory),
                weights_only=True,
                local_files_only=True,
                output_loading_info=True,
                **config,
            )
        except Exception as error:  # the libraries below raise whatever comes of a broken file
            if card_failed(error):
                raise
            raise ModelSpecError(f"{weights.directory} cannot be loaded: {one_line(error)}") from error
    # What a checkpoint lacks would be filled with random numbers, and every answer be noise. An encoder's pooler is not
    # used; a classifier's is.
    missing = sorted(name for name in report["missing_keys"] if is_classifier(network) or "pooler." not in name)
    if missing:
        raise ModelSpecError(f"{weights.directory} lacks {missing[0]}, so it was not trained for this kind of model")
    return _moved(network, device, weights)


def _moved(network: Any, device: torch.device, weights: Weights) -> Any:
    try:
        return network.to(device).eval()
    except RuntimeError as error:
        if card_failed(error):
            raise
        why = "its weights do not fit in the card's memory" if is_memory(error) else one_line(error)
        raise ModelSpecError(f"{weights.directory} cannot be moved to {device}: {why}") from error


def is_classifier(network: Any) -> bool:
    """Whether it has a head that gives scores."""
    return CLASSIFIER.search(type(network).__name__) is not None


def device_of(name: str) -> torch.device:
    """`auto` is the first CUDA card, else the CPU. Raises `ModelSpecError` for a device that is not here."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelSpecError(f"device {name}: say auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise ModelSpecError(f"device {name}: say auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelSpecError(f"device {name}: torch sees {torch.cuda.device_count()} CUDA cards here; say cpu or auto")
    return device


@contextmanager
def _quiet() -> Iterator[None]:
    """Loading tells us what is missing in a report; its bars and tables are for notebooks."""
    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity(logging.ERROR)
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers.logging.set_verbosity(level)
