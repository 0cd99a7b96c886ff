"""Any encoder as transformers computes it, its texts padded to the longest: other architectures, and CUDA cards."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from batcher.models.int8 import pack_int8
from batcher.models.tensors import pad


class Padded:
    """A forward pass costs what its longest text costs, for each."""

    pads = True

    def __init__(self, network: Any, dtype: str) -> None:
        self._network = network
        if dtype == "int8":
            _replace_linear(network)

    def states(self, rows: Sequence[array[int]]) -> list[torch.Tensor]:
        """For each row of ids its last hidden states [tokens, width]."""
        hidden = self._computed(rows).last_hidden_state
        return [states[: len(row)] for states, row in zip(hidden, rows, strict=True)]

    def logits(self, rows: Sequence[array[int]]) -> torch.Tensor:
        """[rows, labels]."""
        logits: torch.Tensor = self._computed(rows).logits
        return logits

    def _computed(self, rows: Sequence[array[int]]) -> Any:
        ids, mask = pad(rows, self._network.config.pad_token_id, self._network.device)
        return self._network(input_ids=ids, attention_mask=mask)


class _Int8(nn.Module):
    """In the place of an nn.Linear."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self._compute = pack_int8(linear.weight.detach(), None if linear.bias is None else linear.bias.detach())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._compute(x)


def _replace_linear(network: nn.Module) -> None:
    for name, part in network.named_children():
        if type(part) is nn.Linear:  # not what is made from it: that has reasons of its own, and reads its weights
            setattr(network, name, _Int8(part))
        else:
            _replace_linear(part)
