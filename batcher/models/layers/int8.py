"""A layer's matrix product in int8, every row of the input with a scale of its own.

With one scale for all rows of a call the largest number anywhere would decide how coarse every other row is: encoders
have tokens ten times larger than the rest, and an answer would depend on the rows beside it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

# Without VNNI the processor adds two products of a byte each in 16 bits: 2 · 255 · 63 fit, 2 · 255 · 127 do not.
WIDE, NARROW = 127, 63
SLICE = 4096  # rows rounded at a time: copies of a whole output layer would be gigabytes
LEAST = 1e-8  # a row of weights that are all zero has no range to divide by


def pack_int8(weight: torch.Tensor, bias: torch.Tensor | None) -> Callable[[torch.Tensor], torch.Tensor]:
    """The layer x·weightᵀ + bias in int8; `weight` [out, in], x and the result fp32 [rows, …].

    A row x is low + range · u with every u in 0 … 1, so that the library, which looks for one scale, finds the same one
    whatever the rows are. Hence x·wᵀ = range · (u·wᵀ) + low · (sum of w).
    """
    packed, sums = _quantized(weight.float())
    added = None if bias is None else bias.float()
    compute = torch.ops.quantized.linear_dynamic

    def linear(x: torch.Tensor) -> torch.Tensor:
        low = x.amin(dim=-1, keepdim=True)
        span = x.amax(dim=-1, keepdim=True) - low
        span.masked_fill_(span == 0.0, 1.0)  # a row of equal numbers has no range to divide by: u is 0
        # Divided, for range · (1 / range) may miss 1 by an ulp, and the scale of all rows would follow it.
        units = (x - low).div_(span)
        if not bool((is_sound := span.isfinite()).all()):
            units.masked_fill_(~is_sound, 0.0)  # NaN would make the scale of all rows NaN; its own has it from `span`
        product: torch.Tensor = compute(units, packed, False)
        product.mul_(span).addcmul_(low, sums)
        return product if added is None else product.add_(added)

    return linear


def _quantized(weight: torch.Tensor) -> tuple[Any, torch.Tensor]:
    """(weights in bytes, a scale for each output, as the library lays them out; the sum of each row of them)."""
    most = WIDE if torch.cpu.get_capabilities().get("avx512_vnni", False) else NARROW
    scales = (weight.abs().amax(dim=1) / most).clamp(min=LEAST)
    whole = torch.empty(weight.shape, dtype=torch.int8)
    for rows in torch.arange(len(weight)).split(SLICE):  # type: ignore[no-untyped-call]
        whole[rows] = (weight[rows] / scales[rows].unsqueeze(1)).round().to(torch.int8)
    with warnings.catch_warnings():  # making such a tensor is deprecated, multiplying by one is not, and needs one
        warnings.simplefilter("ignore")
        zeros = torch.zeros(len(weight), dtype=torch.long)
        quantized = torch._make_per_channel_quantized_tensor(whole, scales.double(), zeros, 0)
    return torch.ops.quantized.linear_prepack(quantized, None), whole.sum(dim=1) * scales


class _Int8(nn.Module):
    """In the place of an nn.Linear."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self._compute = pack_int8(linear.weight.detach(), None if linear.bias is None else linear.bias.detach())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._compute(x)


def replace_linear(network: nn.Module) -> None:
    """Every nn.Linear of a network, by one that computes in int8."""
    for name, part in network.named_children():
        if type(part) is nn.Linear:  # not what is made from it: that has reasons of its own, and reads its weights
            setattr(network, name, _Int8(part))
        else:
            replace_linear(part)
