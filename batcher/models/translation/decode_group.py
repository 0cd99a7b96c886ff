"""Jobs that are decoded side by side: they share a cache and a search."""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass

import torch

from batcher.models.translation.kv_cache import KVCache
from batcher.models.translation.network import Network
from batcher.models.translation.search.contract import Search
from batcher.models.translation.sequence import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A sequence whose search is over. `pieces`: its answer, or None where its logits were not finite, since what seems
    likeliest is noise then. `is_truncated`: it reached its limit before its end."""

    sequence: Sequence
    pieces: list[int] | None
    is_truncated: bool = False


class DecodeGroup:
    """Sequences of as many beams each, whose sources fit the same length. `sequences[slot]` is that of a slot."""

    def __init__(self, network: Network, cache: KVCache, search: Search, *, start: int) -> None:
        self.cache, self.sequences = cache, list[Sequence]()
        self._network, self._search, self._start = network, search, start

    def join(self, sequence: Sequence, source: torch.Tensor) -> None:
        """`source` [tokens, layers, 2, width], as the network encoded it."""
        slot = self.cache.join(source, self._start)
        input = sequence.input
        self._search.join(slot, language=input.target, limit=input.limit, no_repeat=sequence.no_repeat)
        self.sequences.append(sequence)

    def step(self, hidden: torch.Tensor) -> list[Finished]:
        """One token for each row, from `hidden` [rows, width]; the sequences that ended, which have left."""
        tokens, parents, ended = self._search_step(hidden)
        self.cache.end_step(tokens, parents)
        for sequence in self.sequences:
            sequence.steps += 1
        finished = [self._finished(slot) for slot in ended]
        self._leave(ended)
        return finished

    def _search_step(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, list[int]]:
        """The next token of each row, the row (on the CPU) that each continues, and the slots that ended. What is sent
        to a card is sent without waiting for it; the search waits once for its logits."""
        beams, device = self.cache.beams, hidden.device
        # After the start comes the language, whatever the network thinks.
        languages = torch.tensor([sequence.input.target for sequence in self.sequences]).repeat_interleave(beams)
        tokens = languages.to(device, non_blocking=True)
        searched = [slot for slot, sequence in enumerate(self.sequences) if sequence.steps > 0]
        if not searched:
            return tokens, None, []
        slots = torch.tensor(searched)
        rows = (slots.unsqueeze(1) * beams + torch.arange(beams)).flatten()
        own = rows.to(device, non_blocking=True)
        step = self._search.step(searched, self._network.logits(hidden if len(rows) == len(hidden) else hidden[own]))
        tokens[own] = step.tokens.to(device, non_blocking=True)
        parents = None
        if step.parents is not None:
            parents = torch.arange(self.cache.rows)
            parents[rows] = slots.repeat_interleave(beams) * beams + step.parents
        return tokens, parents, [searched[place] for place in step.ended]

    def _finished(self, slot: int) -> Finished:
        sequence, search = self.sequences[slot], self._search
        if not search.is_finite(slot):
            return Finished(sequence=sequence, pieces=None)
        return Finished(sequence=sequence, pieces=search.answer(slot), is_truncated=search.is_truncated(slot))

    def drop(self, ids: abc.Collection[str]) -> None:
        self._leave([slot for slot, sequence in enumerate(self.sequences) if sequence.job.id in ids])

    def _leave(self, slots: abc.Iterable[int]) -> None:
        for slot in sorted(slots, reverse=True):
            last = len(self.sequences) - 1
            self.cache.leave(slot)
            if slot != last:
                self._search.move(last, slot)
                self.sequences[slot] = self.sequences[last]
            self.sequences.pop()
