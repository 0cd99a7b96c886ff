"""Models for real batchers: one with too little memory, one whose card fails. The checkpoint is named by a variable.

Where there is no card they raise what torch would raise on one, so that the way of it can be tried on a CPU.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from typing import Any

import torch

from batcher.models.files.weights import find_weights
from batcher.models.settings import ModelSettings
from batcher.models.translation.model import InFlightTranslation

DIRECTORY = "GPU_CHECK_CHECKPOINT"
HEADROOM = "GPU_CHECK_HEADROOM"  # bytes of the card's memory that may be taken once the model is warm
FITS = 24  # rows, on a CPU
OUT_OF_RANGE = 1 << 20


class _OfDirectory(InFlightTranslation):
    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(find_weights(os.environ[DIRECTORY], None, offline=True), settings)

    @property
    def device(self) -> torch.device:
        return self._network.device


class Cramped(_OfDirectory):
    """Its rows do not fit in memory all together."""

    def warm_up(self) -> None:
        super().warm_up()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            torch.cuda.empty_cache()
            most = torch.cuda.memory_reserved(self.device) + int(os.environ[HEADROOM])
            total = torch.cuda.get_device_properties(self.device).total_memory
            torch.cuda.set_per_process_memory_fraction(most / total, self.device)
        else:
            compute = self._network.logits

            def logits(hidden: torch.Tensor) -> torch.Tensor:
                if len(hidden) > FITS:
                    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB (as on a card)")
                return compute(hidden)

            self._network.logits = logits  # type: ignore[method-assign]


class Doomed(_OfDirectory):
    """Its card fails at the first text of one piece: a kernel asserts, and the context is lost."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        compute = self._network.encode

        def encode(sources: Sequence[array[int]], *more: Any, **others: Any) -> Any:
            if any(len(source) == 3 for source in sources):
                self._fail()
            return compute(sources, *more, **others)

        self._network.encode = encode  # type: ignore[method-assign]

    def _fail(self) -> None:
        if self.device.type != "cuda":
            raise RuntimeError("CUDA error: device-side assert triggered\n(as on a card)")
        # Told later, by whatever asks the card next, as of any kernel.
        torch.zeros(4, device=self.device)[torch.full((1,), OUT_OF_RANGE, device=self.device)]
