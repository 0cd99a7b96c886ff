"""Slots for rows under way: what each has said so far and what it translates, as keys and values.

Rows stand side by side without gaps: when one leaves, the last takes its place. So a step reads its part of each buffer
where it lies and copies nothing. Buffers grow by doubling and never show what an earlier row left in them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from batcher.models.translation.network import Network, Shape

FIRST_ROWS, FIRST_TOKENS = 8, 32  # of a new pool
HIDDEN = float("-inf")
BLOCK = 32  # rows that attend in one call: fewer read past short rows less, more calls cost more


class Pool:
    """Keeps `Memory` for jobs whose text has at most `longest_source` tokens, `beams` beams each.

    past   [layers, 2, rows · beams, heads, tokens, head]   source [layers, 2, rows, heads, longest_source, head]
    """

    def __init__(self, network: Network, *, beams: int, longest_source: int, longest: int) -> None:
        self._shape: Shape = network.shape
        self.beams, self.longest_source, self._longest = beams, longest_source, longest
        self.jobs = 0  # rows 0 … jobs - 1 are taken
        self._like = torch.empty(0, dtype=network.dtype, device=network.device)
        self._make(0, 0)

    def _make(self, rows: int, tokens: int) -> None:
        layers, heads, head = self._shape.layers, self._shape.heads, self._shape.head
        total, new = rows * self.beams, self._like
        self.past = new.new_zeros(layers, 2, total, heads, tokens, head)
        self.past_mask = new.new_full((total, 1, 1, tokens), HIDDEN)
        self.source = new.new_zeros(layers, 2, rows, heads, self.longest_source, head)
        self.source_mask = new.new_full((rows, 1, 1, self.longest_source), HIDDEN)
        self.tokens = torch.zeros(total, dtype=torch.long, device=new.device)
        self.positions = torch.zeros(total, dtype=torch.long, device=new.device)
        self._source_lengths = [0] * rows
        self._said = [0] * rows  # tokens whose keys and values are in `past`
        self._seen = 0

    # Membership

    def join(self, source: torch.Tensor, token: int) -> int:
        """A job takes the next row: its `source` [tokens, layers, 2, width], and the token that it begins with."""
        row = self.jobs
        self._grow(row + 1, 1)
        length = len(source)
        # All of the row: softmax gives no weight to what stood there before, but 0 · NaN is NaN.
        self.source[:, :, row, :, length:] = 0.0
        self.source[:, :, row, :, :length] = source.view(length, *self._heads_of_all_layers()).permute(1, 2, 3, 0, 4)
        self.source_mask[row] = HIDDEN
        self.source_mask[row, :, :, :length] = 0.0
        own = self._beams_of(row)
        self.past[:, :, own] = 0.0
        self.past_mask[own] = HIDDEN
        self.tokens[own] = token
        self.positions[own] = 0
        self._source_lengths[row], self._said[row] = length, 0
        self.jobs += 1  # last: a row that could not be taken was not
        return row

    def leave(self, row: int) -> None:
        """The last row, if it is another, takes this one's place."""
        self.jobs -= 1
        if row != self.jobs:
            here, last = self._beams_of(row), self._beams_of(self.jobs)
            self.source[:, :, row] = self.source[:, :, self.jobs]
            self.source_mask[row] = self.source_mask[self.jobs]
            for buffer in (self.past_mask, self.tokens, self.positions):
                buffer[here] = buffer[last]
            self.past[:, :, here] = self.past[:, :, last]
            self._source_lengths[row], self._said[row] = self._source_lengths[self.jobs], self._said[self.jobs]

    def _beams_of(self, row: int) -> slice:
        return slice(row * self.beams, (row + 1) * self.beams)

    def _heads_of_all_layers(self) -> tuple[int, int, int, int]:
        return self._shape.layers, 2, self._shape.heads, self._shape.head

    @property
    def has_grown(self) -> bool:
        """Whether it holds more than a new one would."""
        return len(self._said) > FIRST_ROWS or self.past.shape[4] > FIRST_TOKENS

    # One step

    @property
    def rows(self) -> int:
        """Lanes that the next step computes."""
        return self.jobs * self.beams

    def begin_step(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(tokens, positions) of all beams; until the next step each layer may attend."""
        said = self._said[: self.jobs]
        self._grow(self.jobs, max(said) + 1)
        self._seen = max(said) + 1
        self._past_blocks = _blocks([length + 1 for length in said], self.beams)
        self._source_blocks = _blocks(self._source_lengths[: self.jobs], 1)
        self._every = torch.arange(self.rows, device=self._like.device)
        self._at = self.positions[: self.rows]
        self.past_mask[self._every, :, :, self._at] = 0.0
        return self.tokens[: self.rows], self._at

    def attend_past(self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        keys, values = self.past[layer]
        keys[self._every, :, self._at] = self._by_head(key)
        values[self._every, :, self._at] = self._by_head(value)
        queries = self._by_head(query).unsqueeze(2)
        return _attend(queries, keys, values, self.past_mask, self._past_blocks).reshape(self.rows, -1)

    def attend_source(self, layer: int, query: torch.Tensor) -> torch.Tensor:
        # A job's beams are queries on the same keys, which are kept once.
        keys, values = self.source[layer]
        queries = query.view(self.jobs, self.beams, self._shape.heads, -1).transpose(1, 2)
        found = _attend(queries, keys, values, self.source_mask, self._source_blocks)
        return found.transpose(1, 2).reshape(self.rows, -1)

    def end_step(self, tokens: torch.Tensor, parents: torch.Tensor | None) -> None:
        """Each beam goes on with its token [rows], from the past of the beam `parents` [rows] where they crossed."""
        if parents is not None and not torch.equal(parents, self._every):
            self.past[:, :, : self.rows, :, : self._seen] = self.past[:, :, parents, :, : self._seen]
        self.tokens[: self.rows] = tokens
        self.positions[: self.rows] += 1
        self._said[: self.jobs] = [said + 1 for said in self._said[: self.jobs]]

    def _by_head(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(len(x), self._shape.heads, self._shape.head)

    # Room

    def _grow(self, rows: int, tokens: int) -> None:
        have_rows, have_tokens = len(self._said), self.past.shape[4]
        if rows <= have_rows and tokens <= have_tokens:
            return
        old = self.past, self.past_mask, self.source, self.source_mask, self.tokens, self.positions
        lengths, said = self._source_lengths, self._said
        self._make(
            max(have_rows, FIRST_ROWS) if rows <= max(have_rows, FIRST_ROWS) else 2 * have_rows,
            min(max(have_tokens, FIRST_TOKENS) * (1 if tokens <= max(have_tokens, FIRST_TOKENS) else 2), self._longest),
        )
        past, past_mask, source, source_mask, last_tokens, positions = old
        had = have_rows * self.beams
        self.past[:, :, :had, :, :have_tokens] = past
        self.past_mask[:had, :, :, :have_tokens] = past_mask
        self.source[:, :, :have_rows], self.source_mask[:have_rows] = source, source_mask
        self.tokens[:had], self.positions[:had] = last_tokens, positions
        self._source_lengths[:have_rows], self._said[:have_rows] = lengths, said


def _blocks(lengths: Sequence[int], beams: int) -> list[tuple[slice, int]]:
    """Rows that attend together, as beams, and the longest of them."""
    starts = range(0, len(lengths), BLOCK)
    return [
        (slice(start * beams, min(start + BLOCK, len(lengths)) * beams), max(lengths[start : start + BLOCK]))
        for start in starts
    ]


def _attend(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor,
    blocks: Sequence[tuple[slice, int]],
) -> torch.Tensor:
    """Each block by itself: what lies beyond its longest row is not read. [rows, heads, queries, head]"""
    found = [
        functional.scaled_dot_product_attention(
            queries[rows], keys[rows, :, :longest], values[rows, :, :longest], attn_mask=mask[rows, :, :, :longest]
        )
        for rows, longest in blocks
    ]
    return found[0] if len(found) == 1 else torch.cat(found)
