"""Makes layers, ready to compute, of the weights under one prefix of a checkpoint."""

from __future__ import annotations

from collections.abc import MutableMapping

import torch
from torch.nn import functional

from batcher.models.layers.linear import Linear, pack

State = MutableMapping[str, torch.Tensor]  # a checkpoint's weights by name


class LayerLoader:
    """`LayerLoader(state, dtype).under("encoder.layer.0.").linear("output.dense")`; `dtype` as the setting says it.

    Everything is copied, and what a layer has packed is taken out of `state`, so that a large model is not in memory
    twice and the file that it was mapped from can be closed. `many_rows`: the layers are given hundreds of rows at a
    time, as an encoder's are.
    """

    def __init__(self, state: State, dtype: str, prefix: str = "", *, many_rows: bool = True) -> None:
        self._state, self._dtype, self._prefix, self._many_rows = state, dtype, prefix, many_rows

    def under(self, prefix: str) -> LayerLoader:
        return LayerLoader(self._state, self._dtype, self._prefix + prefix, many_rows=self._many_rows)

    def has(self, name: str) -> bool:
        return f"{self._prefix}{name}.weight" in self._state

    def weight(self, name: str) -> torch.Tensor:
        return self._state[f"{self._prefix}{name}.weight"].clone()

    def bias(self, name: str) -> torch.Tensor:
        return self._state[f"{self._prefix}{name}.bias"].clone()

    def linear(self, *names: str, relu: bool = False) -> Linear:
        """One layer; or several that read the same input, as one product, their outputs side by side."""
        weight, bias = (torch.cat([self._take(f"{name}.{kind}") for name in names]) for kind in ("weight", "bias"))
        return pack(weight, bias, self._dtype, relu=relu, many_rows=self._many_rows)

    def _take(self, name: str) -> torch.Tensor:
        return self._state.pop(self._prefix + name)

    def norm(self, name: str, epsilon: float = 1e-5) -> Linear:
        """LayerNorm: its sums are fp32 whatever the dtype."""
        weight, bias = self.weight(name), self.bias(name)
        return lambda x: functional.layer_norm(x, weight.shape, weight, bias, epsilon)
