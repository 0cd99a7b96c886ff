"""What every torch model does with tensors: ids in, vectors out, memory errors in our own words."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from batcher.engines.exceptions import card_failed, is_memory, one_line
from batcher.models.contract import InvalidInput, OutOfMemory

# What is no weight of a layer: embeddings, norms, softmax. They stay float where the products are int8.
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "int8": torch.float32}


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
    return ids.to(device, non_blocking=True), mask.to(device, non_blocking=True)


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
