"""A layer's matrix product in the dtype of the setting. Weights are packed once, when the model is loaded."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from batcher.models.layers.int8 import pack_int8

Linear = Callable[[torch.Tensor], torch.Tensor]  # [rows, in] → [rows, out]
ROWS = 64  # a batch's rows, for which oneDNN is asked to lay the weights out


def pack(
    weight: torch.Tensor, bias: torch.Tensor | None, dtype: str, *, relu: bool = False, many_rows: bool = False
) -> Linear:
    """The layer x·weightᵀ + bias, then max(0, ·) where asked for; `weight` [out, in], `dtype` as the setting says it.

    `many_rows`: it will be given hundreds, as an encoder is, rather than dozens.
    """
    if dtype == "int8":
        return _then(pack_int8(weight, bias), relu=relu)
    # In fp32 packing gains a half for eight rows, nothing for a hundred, and costs a tenth for several hundred.
    if _can_pack(weight) and not (many_rows and weight.dtype == torch.float32):
        return _packed(weight, bias, relu=relu)
    return _then(_plain(weight, bias), relu=relu)


def _then(linear: Linear, *, relu: bool) -> Linear:
    return (lambda x: linear(x).relu_()) if relu else linear


def _plain(weight: torch.Tensor, bias: torch.Tensor | None) -> Linear:
    dtype = weight.dtype
    if weight.device.type == "cpu":
        # bf16 and fp16 where the processor lacks them: their products, summed in fp32 as its instructions would, are
        # nine times as fast as torch's own.
        weight, bias = weight.float(), None if bias is None else bias.float()
    return lambda x: functional.linear(x.to(weight.dtype), weight, bias).to(dtype)


def _packed(weight: torch.Tensor, bias: torch.Tensor | None, *, relu: bool) -> Linear:
    """Laid out for oneDNN: MKL, which torch asks otherwise, reads plain weights at half the speed for a few rows."""
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS)
    compute, after = torch.ops.mkldnn._linear_pointwise, "relu" if relu else "none"
    return lambda x: compute(x, packed, bias, after, [], "")


def _can_pack(weight: torch.Tensor) -> bool:
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    # On a processor without instructions for bf16, oneDNN has no packed form of it either.
    return weight.dtype == torch.float32 or (
        weight.dtype == torch.bfloat16 and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )
