"""All sequences under way: those of one number of beams and one size of source form a group, and all take each step."""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass

import torch

from batcher.models.translation.decode_group import DecodeGroup, Finished
from batcher.models.translation.decoding import Decoding
from batcher.models.translation.kv_cache import KVCache
from batcher.models.translation.network import Network
from batcher.models.translation.search.beam import BeamSearch
from batcher.models.translation.search.contract import Search
from batcher.models.translation.search.degeneration import is_cyclic
from batcher.models.translation.search.greedy import GreedySearch, never
from batcher.models.translation.sequence import Sequence

SOURCES = (64, 128, 256, 512, 1024)  # tokens: a long text widens neither the attention of others nor their memory
MOST_SLOTS = 256  # the largest `max_batch_size`


@dataclass(frozen=True, slots=True)
class _Key:
    """What the sequences of a group have in common."""

    beams: int
    longest_source: int  # tokens
    may_cycle: bool


class DecodeGroups:
    """Groups are made when they are needed, and keep their memory until `release` or `clear`."""

    def __init__(self, network: Network, decoding: Decoding) -> None:
        self._network, self._decoding = network, decoding
        self._groups: dict[_Key, DecodeGroup] = {}

    def __len__(self) -> int:
        """Sequences under way."""
        return sum(len(group.sequences) for group in self._groups.values())

    @property
    def rows(self) -> int:
        """What the next step computes: each beam of each sequence."""
        return sum(group.cache.rows for group in self._groups.values())

    def room(self, tokens: int) -> abc.Callable[[Sequence], bool]:
        """Tells of one sequence after another whether its group has a slot left for it, and counts it in.

        A group has as many slots as hold so many source `tokens`, one at least: that bounds the memory.
        """
        taken = {key: len(group.sequences) for key, group in self._groups.items()}

        def fits(sequence: Sequence) -> bool:
            key = self._key(sequence)
            if taken.get(key, 0) >= max(1, tokens // key.longest_source):
                return False
            taken[key] = taken.get(key, 0) + 1
            return True

        return fits

    def join(self, sequence: Sequence, source: torch.Tensor) -> None:
        """`source` [tokens, layers, 2, width], as the network encoded it."""
        key = self._key(sequence)
        if key not in self._groups:
            self._groups[key] = self._make(key)
        self._groups[key].join(sequence, source)

    def step(self) -> abc.Iterator[Finished]:
        """One token for every row; the sequences that ended, as soon as they have left."""
        groups = [group for group in self._groups.values() if group.sequences]
        states = [group.cache.begin_step() for group in groups]
        parts = torch.split(self._network.decode(states), [state.rows for state in states])
        for group, hidden in zip(groups, parts, strict=True):
            yield from group.step(hidden)

    def drop(self, ids: abc.Collection[str]) -> None:
        for group in self._groups.values():
            group.drop(ids)

    def release(self) -> None:
        """While nobody is under way: memory that was needed for many goes back."""
        self._groups = {key: group for key, group in self._groups.items() if not group.cache.has_grown}

    def clear(self) -> list[Sequence]:
        """All leave, and the memory goes back."""
        groups, self._groups = self._groups, {}
        return [sequence for group in groups.values() for sequence in group.sequences]

    def _key(self, sequence: Sequence) -> _Key:
        longest = self._network.shape.longest
        size = min(longest, next((size for size in SOURCES if sequence.tokens <= size), longest))
        return _Key(sequence.beams, size, sequence.beams > 1 or sequence.may_cycle)

    def _make(self, key: _Key) -> DecodeGroup:
        network, longest = self._network, self._decoding.longest
        cache = KVCache(
            network.shape,
            network.dtype,
            network.device,
            beams=key.beams,
            longest_source=key.longest_source,
            longest=longest,
        )
        return DecodeGroup(network, cache, self._search(key), start=self._decoding.start)

    def _search(self, key: _Key) -> Search:
        how = self._decoding
        if key.beams == 1:
            return GreedySearch(end=how.end, padding=how.padding, gives_up=never if key.may_cycle else is_cyclic)
        return BeamSearch(
            MOST_SLOTS,
            beams=key.beams,
            longest=how.longest,
            end=how.end,
            padding=how.padding,
            length_penalty=how.length_penalty,
            early_stopping=how.early_stopping,
            start=how.start,
        )
