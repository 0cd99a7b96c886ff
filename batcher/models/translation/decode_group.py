"""Rows that share a pool and a search, and so are decoded side by side."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch

from batcher.models.translation.kv_cache import Pool
from batcher.models.translation.network import Network
from batcher.models.translation.search.contract import Search
from batcher.models.translation.sequence import Flight


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A job that came to its answer, or to none where its logits were no numbers: what seems likeliest is noise then.

    `is_cut`: it came to the limit of its answer before its end.
    """

    flight: Flight
    pieces: list[int] | None
    is_cut: bool


class DecodeGroup:
    """Jobs of the same number of beams whose sources fit the same length. At most `room` of them."""

    def __init__(self, network: Network, pool: Pool, search: Search, *, start: int) -> None:
        self.pool, self.flights = pool, list[Flight]()
        self._network, self._search, self._start = network, search, start

    def join(self, flight: Flight, source: torch.Tensor) -> None:
        """`source` [tokens, layers, 2, width], as the network encoded it."""
        row = self.pool.join(source, self._start)
        self._search.join(row, language=flight.order.target, limit=flight.order.limit, no_repeat=flight.no_repeat)
        self.flights.append(flight)

    def advance(self, hidden: torch.Tensor) -> list[Ended]:
        """One token for each beam, from `hidden` [rows, width]; the jobs that ended."""
        # After the start comes the language, whatever the network thinks.
        languages = torch.tensor([flight.order.target for flight in self.flights], device=hidden.device)
        tokens, parents, ended = languages.repeat_interleave(self.pool.beams), None, list[int]()
        speaking = [row for row, flight in enumerate(self.flights) if flight.steps > 0]
        if speaking:
            rows = torch.tensor(speaking, device=hidden.device)
            own = self._beams_of(rows)
            said = hidden if len(speaking) == len(self.flights) else hidden[own]
            turn = self._search.advance(rows, self._network.logits(said))
            tokens[own] = turn.tokens
            if turn.parents is not None:
                parents = torch.arange(self.pool.rows, device=hidden.device)
                parents[own] = rows.repeat_interleave(self.pool.beams) * self.pool.beams + turn.parents
            ended = [speaking[place] for place in turn.ended]
        self.pool.end_step(tokens, parents)
        for flight in self.flights:
            flight.steps += 1
        answers = [self._ended(row) for row in ended]
        self._leave(ended)
        return answers

    def _ended(self, row: int) -> Ended:
        flight, search = self.flights[row], self._search
        if search.is_noise(row):
            return Ended(flight=flight, pieces=None, is_cut=False)
        return Ended(flight=flight, pieces=search.answer(row), is_cut=search.is_cut(row))

    def _beams_of(self, rows: torch.Tensor) -> torch.Tensor:
        beams = self.pool.beams
        return (rows.unsqueeze(1) * beams + torch.arange(beams, device=rows.device)).flatten()

    def drop(self, ids: Collection[str]) -> None:
        self._leave([row for row, flight in enumerate(self.flights) if flight.job.id in ids])

    def _leave(self, rows: Sequence[int]) -> None:
        for row in sorted(rows, reverse=True):
            last = len(self.flights) - 1
            self.pool.leave(row)
            if row != last:
                self._search.move(last, row)
                self.flights[row] = self.flights[last]
            self.flights.pop()
