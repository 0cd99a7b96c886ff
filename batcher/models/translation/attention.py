"""How the decoder attends to stored keys and values: those of a row's own past, and those of its source text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

Block = tuple[slice, int]  # rows that attend in one call, and the tokens of the longest of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What rows may attend to, in every layer."""

    keys_values: torch.Tensor  # [layers, 2, rows, heads, tokens, head]
    mask: torch.Tensor  # [rows, 1, 1, tokens]: 0 where a row has a token, -inf elsewhere
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeState:
    """One step of the rows of one cache. A job has `beams` rows, which share one source."""

    tokens: torch.Tensor  # int64 [rows]: the last of each row
    positions: torch.Tensor  # int64 [rows]: of that token; its keys and values are written there
    indices: torch.Tensor  # int64 [rows]: 0 … rows - 1
    beams: int
    past: Context
    source: Context  # its rows are jobs

    @property
    def rows(self) -> int:
        return len(self.tokens)


def attend_past(state: DecodeState, layer: int, qkv: torch.Tensor) -> torch.Tensor:
    """Writes the keys and values of each row's new token into `state.past`, and attends to all of its tokens so far.

    [rows, 3 · width], queries, keys and values side by side → [rows, width]
    """
    keys, values = state.past.keys_values[layer]
    query, key, value = qkv.view(state.rows, 3, keys.shape[1], -1).unbind(1)
    keys[state.indices, :, state.positions] = key
    values[state.indices, :, state.positions] = value
    return _attend(query.unsqueeze(2), keys, values, state.past).reshape(state.rows, -1)


def attend_source(state: DecodeState, layer: int, queries: torch.Tensor) -> torch.Tensor:
    """Attends to the source text. A job's beams are queries on the same keys, which are kept once.

    [rows, width] → [rows, width]
    """
    keys, values = state.source.keys_values[layer]
    by_job = queries.view(-1, state.beams, keys.shape[1], keys.shape[3]).transpose(1, 2)
    return _attend(by_job, keys, values, state.source).transpose(1, 2).reshape(state.rows, -1)


def _attend(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, context: Context) -> torch.Tensor:
    """Block by block, so that what lies beyond the longest row of a block is not read. [rows, heads, queries, head]"""
    attended = [
        functional.scaled_dot_product_attention(
            queries[rows],
            keys[rows, :, :longest],
            values[rows, :, :longest],
            attn_mask=context.mask[rows, :, :, :longest],
        )
        for rows, longest in context.blocks
    ]
    return attended[0] if len(attended) == 1 else torch.cat(attended)
