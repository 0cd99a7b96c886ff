"""Many token states to one vector: the ways of sentence-transformers, on texts of any lengths without padding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from batcher.models.encoders.recipe import pooling_modes

TOKENS, SENTENCES = "token_embeddings", "sentence_embedding"
Features = dict[str, torch.Tensor]
Pool = Callable[[torch.Tensor, int], torch.Tensor]  # of one text's states [tokens, width], after its prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """Of texts whose tokens stand one after another: how many each has, and how many of them are its prompt's."""

    lengths: Sequence[int]
    prompts: Sequence[int]


class Pooling(nn.Module):
    """One vector a text, or several joined; a prompt's tokens count unless the config says otherwise."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self._pools = [POOLS[mode] for mode in pooling_modes(config)]
        self._counts_prompt = config.get("include_prompt", True)

    def forward(self, features: Features, spans: Spans) -> None:
        split = torch.split(features[TOKENS], list(spans.lengths))
        skipped = [0] * len(split) if self._counts_prompt else spans.prompts
        features[SENTENCES] = torch.stack([self._pooled(*row) for row in zip(split, skipped, strict=True)])

    def _pooled(self, states: torch.Tensor, skip: int) -> torch.Tensor:
        return torch.cat([pool(states, skip) for pool in self._pools])


def _first(states: torch.Tensor, skip: int) -> torch.Tensor:
    return states[skip if skip < len(states) else 0]


def _max(states: torch.Tensor, skip: int) -> torch.Tensor:
    return states[skip:].amax(dim=0) if skip < len(states) else torch.full_like(states[0], -torch.inf)


def _mean(states: torch.Tensor, skip: int) -> torch.Tensor:
    return states[skip:].sum(dim=0) / max(len(states) - skip, 1)


def _mean_by_square_root(states: torch.Tensor, skip: int) -> torch.Tensor:
    return states[skip:].sum(dim=0) / math.sqrt(max(len(states) - skip, 1))


def _mean_by_position(states: torch.Tensor, skip: int) -> torch.Tensor:
    positions = torch.arange(skip + 1, len(states) + 1, device=states.device, dtype=states.dtype)
    return positions @ states[skip:] / positions.sum().clamp(min=1)


def _last(states: torch.Tensor, skip: int) -> torch.Tensor:
    return states[-1] if skip < len(states) else torch.zeros_like(states[0])


POOLS: dict[str, Pool] = {
    "cls": _first,
    "max": _max,
    "mean": _mean,
    "mean_sqrt_len_tokens": _mean_by_square_root,
    "weightedmean": _mean_by_position,
    "lasttoken": _last,
}
