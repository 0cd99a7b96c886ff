"""What every torch model needs: weights on a device, token ids as padded tensors, memory errors in our own words."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import transformers

from batcher.engines.exceptions import card_failed, is_memory, one_line
from batcher.models.contract import InvalidInput, OutOfMemory
from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights
from batcher.models.layers.threads import threads
from batcher.models.settings import ModelSettings

# What is no weight of a layer: embeddings, norms, softmax. They stay float where the products are int8.
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "int8": torch.float32}


def load_network(made_of: Any, weights: Weights, settings: ModelSettings, **config: Any) -> Any:
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
    with _quiet():
        try:
            network, report = made_of.from_pretrained(
                weights.directory,
                dtype=DTYPES[settings.dtype],
                use_safetensors=True,
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
    """Whether it is an encoder with a head that gives scores."""
    return type(network).__name__.endswith("ForSequenceClassification")


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


def check_ids(ids: Any, *, vocabulary: int, longest: int) -> array[int]:
    """These ids, if the network can look every one up. Raises `InvalidInput`.

    An id out of range is an exception on a CPU; on a CUDA card it ends the process.
    """
    if not isinstance(ids, array) or ids.typecode != "i":
        raise InvalidInput("this model takes token ids")
    if not 0 < len(ids) <= longest:
        raise InvalidInput(f"this model takes 1 to {longest} tokens, not {len(ids)}")
    if min(ids) < 0 or max(ids) >= vocabulary:
        raise InvalidInput("a token id is not in the model's vocabulary")
    return ids


def pad(rows: Sequence[array[int]], pad_id: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """(ids, mask), as many columns as the longest row has: padded on the right, mask 1 where a token is."""
    ids = torch.full((len(rows), max(map(len, rows))), pad_id, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.frombuffer(row, dtype=torch.int32)
        mask[number, : len(row)] = 1
    return ids.to(device), mask.to(device)


def vectors(rows: torch.Tensor) -> list[array[float]]:
    """Each row as array("f")."""
    return [array("f", row.tobytes()) for row in rows.float().cpu().numpy()]


@contextmanager
def memory_errors() -> Iterator[None]:
    """Inside, running out of memory is `OutOfMemory`, on a card and on a CPU.

    Nothing is freed here: torch's allocator empties its own cache before it gives up.
    """
    try:
        yield
    except Exception as error:
        if card_failed(error) or not is_memory(error):
            raise
        raise OutOfMemory(one_line(error)) from None  # its frames hold the tensors that filled the memory


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
