"""The keys and values of the jobs under way, a slot each: of its source text, and of what each of its beams has said.

Taken slots are side by side without gaps: when a job leaves, the last one moves into its slot. So a step reads its part
of each tensor where it lies and copies nothing. Tensors grow by doubling, and a slot is wiped when it is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from batcher.models.translation.attention import Block, Context, DecodeState
from batcher.models.translation.network import Shape

FIRST_SLOTS, FIRST_TOKENS = 8, 32  # of a new cache
HIDDEN = float("-inf")
BLOCK = 32  # jobs that attend in one call: with fewer less is read beyond short rows, with more there are fewer calls


class KVCache:
    """For jobs of `beams` beams each whose source has at most `longest_source` tokens; answers of at most `longest`.

    A row is one beam: job `slot` has the rows slot · beams … slot · beams + beams - 1.

    past   [layers, 2, rows, heads, tokens, head]   source [layers, 2, slots, heads, longest_source, head]
    """

    def __init__(
        self,
        shape: Shape,
        dtype: torch.dtype,
        device: torch.device,
        *,
        beams: int,
        longest_source: int,
        longest: int,
    ) -> None:
        self._shape, self._dtype, self._device = shape, dtype, device
        self.beams, self.longest_source, self._longest = beams, longest_source, longest
        self.jobs = 0  # slots 0 … jobs - 1 are taken
        self._allocate(0, 0)

    def _allocate(self, slots: int, tokens: int) -> None:
        layers, heads, head = self._shape.layers, self._shape.heads, self._shape.head
        rows, longest = slots * self.beams, self.longest_source
        new = torch.empty(0, dtype=self._dtype, device=self._device)
        self.past = new.new_zeros(layers, 2, rows, heads, tokens, head)
        self.past_mask = new.new_full((rows, 1, 1, tokens), HIDDEN)
        self.source = new.new_zeros(layers, 2, slots, heads, longest, head)
        self.source_mask = new.new_full((slots, 1, 1, longest), HIDDEN)
        self.tokens = torch.zeros(rows, dtype=torch.long, device=self._device)
        self.positions = torch.zeros(rows, dtype=torch.long, device=self._device)
        self._source_lengths = [0] * slots
        self._lengths = [0] * slots  # tokens whose keys and values are in `past`

    @property
    def rows(self) -> int:
        """How many the next step computes."""
        return self.jobs * self.beams

    @property
    def has_grown(self) -> bool:
        """Whether it holds more than a new one would."""
        return len(self._lengths) > FIRST_SLOTS or self.past.shape[4] > FIRST_TOKENS

    # Jobs

    def join(self, source: torch.Tensor, token: int) -> int:
        """A job takes the next slot: its `source` [tokens, layers, 2, width], and its first token. Returns the slot."""
        slot, length = self.jobs, len(source)
        self._grow(slot + 1, 1)
        by_head = source.view(length, self._shape.layers, 2, self._shape.heads, self._shape.head)
        # All of the slot: softmax gives no weight to what stood there before, but 0 · NaN is NaN.
        self.source[:, :, slot, :, length:] = 0.0
        self.source[:, :, slot, :, :length] = by_head.permute(1, 2, 3, 0, 4)
        self.source_mask[slot] = HIDDEN
        self.source_mask[slot, :, :, :length] = 0.0
        rows = self._rows_of(slot)
        self.past[:, :, rows] = 0.0
        self.past_mask[rows] = HIDDEN
        self.tokens[rows] = token
        self.positions[rows] = 0
        self._source_lengths[slot], self._lengths[slot] = length, 0
        self.jobs += 1  # last: a slot that could not be filled is not taken
        return slot

    def leave(self, slot: int) -> None:
        """The job in the last slot, if that is another one, moves into this one."""
        self.jobs -= 1
        last = self.jobs
        if slot != last:
            to, of = self._rows_of(slot), self._rows_of(last)
            self.source[:, :, slot], self.source_mask[slot] = self.source[:, :, last], self.source_mask[last]
            self.past[:, :, to] = self.past[:, :, of]
            for tensor in (self.past_mask, self.tokens, self.positions):
                tensor[to] = tensor[of]
            self._source_lengths[slot], self._lengths[slot] = self._source_lengths[last], self._lengths[last]

    def _rows_of(self, slot: int) -> slice:
        return slice(slot * self.beams, (slot + 1) * self.beams)

    # One step

    def begin_step(self) -> DecodeState:
        """What the network needs to decode one more token of every row. It writes into `past` where the state says."""
        lengths = [length + 1 for length in self._lengths[: self.jobs]]
        self._grow(self.jobs, max(lengths))
        indices, positions = torch.arange(self.rows, device=self._device), self.positions[: self.rows]
        self.past_mask[indices, :, :, positions] = 0.0
        return DecodeState(
            tokens=self.tokens[: self.rows],
            positions=positions,
            indices=indices,
            beams=self.beams,
            past=Context(keys_values=self.past, mask=self.past_mask, blocks=_blocks(lengths, self.beams)),
            source=Context(
                keys_values=self.source,
                mask=self.source_mask,
                blocks=_blocks(self._source_lengths[: self.jobs], 1),
            ),
        )

    def end_step(self, tokens: torch.Tensor, parents: torch.Tensor | None) -> None:
        """Each row goes on with its token [rows], from the past of the row that `parents` [rows], on the CPU, says;
        None: its own."""
        self._lengths[: self.jobs] = [length + 1 for length in self._lengths[: self.jobs]]
        if parents is not None and not torch.equal(parents, torch.arange(self.rows)):
            parents = parents.to(self._device, non_blocking=True)
            longest = max(self._lengths[: self.jobs])
            self.past[:, :, : self.rows, :, :longest] = self.past[:, :, parents, :, :longest]
        self.tokens[: self.rows] = tokens
        self.positions[: self.rows] += 1

    # Growth

    def _grow(self, slots: int, tokens: int) -> None:
        had_slots, had_tokens = len(self._lengths), self.past.shape[4]
        if slots <= had_slots and tokens <= had_tokens:
            return
        old = self.past, self.past_mask, self.source, self.source_mask, self.tokens, self.positions
        source_lengths, lengths = self._source_lengths, self._lengths
        self._allocate(
            _doubled(had_slots, slots, FIRST_SLOTS), min(_doubled(had_tokens, tokens, FIRST_TOKENS), self._longest)
        )
        rows = had_slots * self.beams
        past, past_mask, source, source_mask, last_tokens, positions = old
        self.past[:, :, :rows, :, :had_tokens], self.past_mask[:rows, :, :, :had_tokens] = past, past_mask
        self.source[:, :, :had_slots], self.source_mask[:had_slots] = source, source_mask
        self.tokens[:rows], self.positions[:rows] = last_tokens, positions
        self._source_lengths[:had_slots], self._lengths[:had_slots] = source_lengths, lengths


def _doubled(had: int, needed: int, first: int) -> int:
    """Enough for one more than there was."""
    size = max(had, first)
    return size if needed <= size else 2 * size


def _blocks(lengths: Sequence[int], beams: int) -> list[Block]:
    """Rows of up to `BLOCK` jobs that attend together, and the tokens of the longest of them."""
    return [
        (slice(start * beams, min(start + BLOCK, len(lengths)) * beams), max(lengths[start : start + BLOCK]))
        for start in range(0, len(lengths), BLOCK)
    ]
