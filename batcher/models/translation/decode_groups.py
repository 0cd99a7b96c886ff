"""All rows under way: those of one number of beams and one size of text stand together, and all take each step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import torch

from batcher.models.translation.decode_group import DecodeGroup, Ended
from batcher.models.translation.decoding import Decoding
from batcher.models.translation.kv_cache import Pool
from batcher.models.translation.network import Network
from batcher.models.translation.search.beam import BeamSearch
from batcher.models.translation.search.contract import Search
from batcher.models.translation.search.degeneration import cycles
from batcher.models.translation.search.greedy import GreedySearch, never
from batcher.models.translation.sequence import Flight

SOURCES = (
    64,
    128,
    256,
    512,
    1024,
)  # tokens: one long text does not widen the attention of all others, nor their memory
Key = tuple[int, int, bool]  # beams, the longest text, and whether greedy rows may cycle


class DecodeGroups:
    """Made when first needed. What they hold stays theirs until `clear`."""

    def __init__(self, network: Network, decoding: Decoding) -> None:
        self._network, self._decoding = network, decoding
        self._cohorts: dict[Key, DecodeGroup] = {}

    @property
    def jobs(self) -> int:
        return sum(len(cohort.flights) for cohort in self._cohorts.values())

    @property
    def rows(self) -> int:
        """What the next step computes: each beam of each job."""
        return sum(cohort.pool.rows for cohort in self._cohorts.values())

    def room(self, tokens: int) -> Callable[[Flight], bool]:
        """Tells of one job after the other whether it may join, and counts it in.

        PackedSequences of each size have as many slots as hold so many `tokens`, one at least: that bounds the memory.
        """
        taken = {key: len(cohort.flights) for key, cohort in self._cohorts.items()}

        def fits(flight: Flight) -> bool:
            key = self._key(flight)
            if taken.get(key, 0) >= max(1, tokens // key[1]):
                return False
            taken[key] = taken.get(key, 0) + 1
            return True

        return fits

    def join(self, flight: Flight, source: torch.Tensor) -> None:
        key = self._key(flight)
        if key not in self._cohorts:
            self._cohorts[key] = self._made(*key)
        self._cohorts[key].join(flight, source)

    def advance(self) -> Iterator[Ended]:
        """One token for every beam; the jobs that ended, as soon as they have left."""
        cohorts = [cohort for cohort in self._cohorts.values() if cohort.flights]
        tokens, positions = zip(*(cohort.pool.begin_step() for cohort in cohorts), strict=True)
        hidden = self._network.decode(torch.cat(tokens), torch.cat(positions), [cohort.pool for cohort in cohorts])
        parts = torch.split(hidden, [cohort.pool.rows for cohort in cohorts])
        for cohort, part in zip(cohorts, parts, strict=True):
            yield from cohort.advance(part)

    def drop(self, ids: Collection[str]) -> None:
        for cohort in self._cohorts.values():
            cohort.drop(ids)

    def forget(self) -> None:
        """While nobody is under way: what was needed for many goes back."""
        self._cohorts = {key: cohort for key, cohort in self._cohorts.items() if not cohort.pool.has_grown}

    def clear(self) -> list[Flight]:
        """Everybody leaves, and the memory goes back."""
        cohorts, self._cohorts = self._cohorts, {}
        return [flight for cohort in cohorts.values() for flight in cohort.flights]

    def _key(self, flight: Flight) -> Key:
        longest = self._network.shape.longest
        longest = min(longest, next((size for size in SOURCES if flight.tokens <= size), longest))
        return flight.beams, longest, flight.beams > 1 or flight.may_cycle

    def _made(self, beams: int, longest_source: int, may_cycle: bool) -> DecodeGroup:
        pool = Pool(self._network, beams=beams, longest_source=longest_source, longest=self._decoding.longest)
        return DecodeGroup(self._network, pool, self._search(beams, may_cycle), start=self._decoding.start)

    def _search(self, beams: int, may_cycle: bool) -> Search:
        how = self._decoding
        if beams == 1:
            is_lost = never if may_cycle else cycles
            return GreedySearch(end=how.end, padding=how.padding, is_lost=is_lost)
        return BeamSearch(
            256,
            beams=beams,
            longest=how.longest,
            eos=how.end,
            pad=how.padding,
            length_penalty=how.length_penalty,
            early_stopping=how.early_stopping,
            start=how.start,
        )
