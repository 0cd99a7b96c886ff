"""What another dtype would give on this processor: measured when a model is loaded, and logged. It never decides."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import structlog
import torch
from torch import nn

from batcher.models.layers.linear import Linear, pack

LayerFactory = Callable[[torch.Tensor, torch.Tensor, str], Linear]

ROWS = 64
MEASURED = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.float32}  # what else a layer's numbers are
ROUNDS, SECONDS = 20, 0.1  # of measuring, whichever ends first
MEASURABLE = 1.1  # times as fast as fp32: less is within the noise
WORTHWHILE = 1.3  # times as fast: less is not worth other answers

log = structlog.get_logger(__name__)


def advise_network(network: nn.Module, dtype: str) -> None:
    """`advise` by its widest layer, which takes most of its time; nothing where most weights are convolutions."""
    linears = [part.weight for part in network.modules() if isinstance(part, nn.Linear)]
    convolutions = [part.weight for part in network.modules() if isinstance(part, nn.Conv2d)]
    if sum(map(torch.Tensor.numel, linears)) > sum(map(torch.Tensor.numel, convolutions)):
        hidden, width = max(linears, key=torch.Tensor.numel).shape
        advise(width, hidden, dtype)


def advise(width: int, hidden: int, dtype: str, make: LayerFactory = pack) -> None:
    """Logs what a layer [hidden, width] of a model on a CPU gains by each dtype, and advice where there is some.

    Takes at most 0.3 seconds of the processor.
    """
    seconds = _seconds({name: _product(width, hidden, name, make) for name in MEASURED})
    rates = {name: seconds["fp32"] / took for name, took in seconds.items()}
    fields = {name: f"{rate:.1f}x" for name, rate in rates.items()}
    log.info("dtype measured", dtype=dtype, **fields, advice=advice(dtype, rates) or "none")


def advice(dtype: str, rates: Mapping[str, float]) -> str:
    """What to tell whoever chose this dtype, by `rates` in multiples of fp32; "" where the choice stands. Pure."""
    own = rates.get(dtype)
    if own is None:
        return ""
    if dtype != "fp32" and own < MEASURABLE:
        return f"{dtype} gains nothing over fp32 on this processor, and fp32 is more exact: --dtype fp32"
    # The most exact first: where it is fast enough, a less exact one is not worth other answers.
    for other in ("fp32", "bf16", "int8"):
        gain = rates[other] / own
        if other != dtype and gain >= WORTHWHILE:
            return f"{other} would be about {gain:.1f} times as fast here; if its answers satisfy you: --dtype {other}"
    return ""


def _product(width: int, hidden: int, dtype: str, make: LayerFactory) -> Callable[[], object]:
    number = MEASURED[dtype]
    weight = torch.linspace(-1, 1, hidden * width).view(hidden, width).to(number)
    layer, x = make(weight, torch.zeros(hidden, dtype=number), dtype), torch.ones(ROWS, width, dtype=number)
    return lambda: layer(x)


@torch.inference_mode()
def _seconds(products: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Of processor time, since other processes may be busy as well: the least of several rounds of each."""
    for product in products.values():
        product()  # the first call makes the library choose its kernel
    best = dict.fromkeys(products, float("inf"))
    until = time.perf_counter() + SECONDS
    for number in range(ROUNDS):
        if number and time.perf_counter() > until:
            break
        for name, product in products.items():
            started = time.process_time()
            product()
            best[name] = min(best[name], time.process_time() - started)
    return best
