"""Beam search over jobs that join and leave and are at different lengths; each ends as HF `generate` ends it alone.

A job has W beams, hypotheses that run on, and the W best hypotheses that ended. A step offers its 2·W likeliest
continuations: however many of the first W end, W are left to run on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from batcher.models.translation.inputs import PROMPT_TOKENS
from batcher.models.translation.search.contract import SearchStep
from batcher.models.translation.search.hypotheses import DEAD, FinishedHypotheses, History
from batcher.models.translation.search.no_repeat import banned_tokens
from batcher.models.translation.search.topk import logsumexp, topk


class BeamSearch:
    """Keeps `Search`, for up to `slots` jobs with limits up to `longest`. Its state is on the CPU, wherever logits are.

    A hypothesis is worth Σ log-probability / (pieces + 1) ** `length_penalty`, where an end counts as a piece and the
    one is the language: so does `generate(forced_bos_token_id=…)`.
    """

    def __init__(
        self,
        slots: int,
        *,
        beams: int,
        longest: int,
        end: int,
        padding: int,
        length_penalty: float,
        early_stopping: bool | str,
        start: int,
    ) -> None:
        self._beams, self._end, self._padding, self._start = beams, end, padding, start
        self._early = early_stopping is True
        self._looks_at_limit = early_stopping == "never" and length_penalty > 0
        self._divisors = torch.tensor([(pieces + 1) ** length_penalty for pieces in range(max(PROMPT_TOKENS, longest))])
        self._pieces = torch.zeros(slots, dtype=torch.int64)  # so far
        self._room = torch.zeros(slots, dtype=torch.int64)  # pieces at most
        self._scores = torch.zeros(slots, beams)
        self._history = History(slots, beams, longest)
        self._finished = FinishedHypotheses(slots, beams)
        self._is_finite = torch.ones(slots, dtype=torch.bool)  # whether all its logits were
        self._no_repeat: dict[int, tuple[int, int]] = {}  # slot → (language, n) where no n-gram may be repeated

    def join(self, slot: int, *, language: int, limit: int, no_repeat: int = 0) -> None:
        """A job takes this slot; `limit` counts the tokens of its sequence, start and language included.

        No n-gram of `no_repeat` tokens will be in the sequence twice; 0: any may be.
        """
        self._pieces[slot] = 0
        self._is_finite[slot] = True
        self._room[slot] = max(0, limit - PROMPT_TOKENS)
        self._scores[slot] = DEAD  # all beams begin alike, and one of them is enough to go on from
        self._scores[slot, 0] = 0.0
        self._finished.clear(slot, is_over=limit <= PROMPT_TOKENS)
        self._no_repeat.pop(slot, None)
        if no_repeat:
            self._no_repeat[slot] = (language, no_repeat)

    def step(self, slots: Sequence[int], logits: torch.Tensor) -> SearchStep:
        """One step of k distinct slots by `logits` [k·W, vocabulary], into which bans are written."""
        return self._step(torch.tensor(slots), logits)

    def _step(self, slots: torch.Tensor, logits: torch.Tensor) -> SearchStep:
        scores, parents, tokens = self._candidates(slots, logits)
        self._pieces[slots] += 1
        pieces, room = self._pieces[slots], self._room[slots]
        over = (tokens == self._end) | (pieces >= room).unsqueeze(1)
        self._finished.add(slots, self._worth(scores, over, pieces), pieces, parents, tokens)
        running, chosen = (scores + DEAD * over).topk(self._beams)
        parents, tokens = parents.gather(1, chosen), tokens.gather(1, chosen)
        self._scores[slots] = running
        self._history.append(slots, pieces, parents, tokens)
        best_possible = running[:, 0] / self._divisors[room if self._looks_at_limit else pieces]
        ended = over.all(dim=1) | self._is_settled(slots, best_possible) | ~self._is_finite[slots]
        ended_at = ended.nonzero().flatten().tolist()
        return SearchStep(tokens=tokens.flatten(), parents=parents.flatten(), ended=ended_at)

    def answer(self, slot: int) -> list[int]:
        """The pieces of a slot that ended: its best hypothesis, without start, language, end and padding."""
        pieces, beam, token = self._finished.best(slot)
        sequence = [*self._history.pieces(slot, pieces - 1, beam), token] if pieces else []
        return [piece for piece in sequence if piece not in (self._end, self._padding)]

    def is_finite(self, slot: int) -> bool:
        return bool(self._is_finite[slot])

    def is_truncated(self, slot: int) -> bool:
        """Whether its best hypothesis reached the limit."""
        pieces, _, token = self._finished.best(slot)
        return pieces > 0 and token != self._end

    def move(self, source: int, target: int) -> None:
        """The job in slot `source` is in slot `target` from now on."""
        for state in (
            self._pieces,
            self._room,
            self._is_finite,
            self._scores,
            *self._history.state,
            *self._finished.state,
        ):
            state[target] = state[source]
        self._no_repeat.pop(target, None)
        if source in self._no_repeat:
            self._no_repeat[target] = self._no_repeat.pop(source)

    def _candidates(self, slots: torch.Tensor, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The 2·W best continuations of each slot, best first: scores, parents and tokens [k, 2·W]."""
        count = 2 * self._beams
        sums = logsumexp(logits)  # before the bans, which take nothing from the others' probability to give to the rest
        self._ban(slots, logits)
        values, tokens = topk(logits, count)
        # Together, for a card is waited for with every copy.
        sums = sums.unsqueeze(1)
        found = torch.cat([values - sums, sums], dim=1).cpu().view(len(slots), self._beams, count + 1)
        # The sum is a number only where every logit is one.
        self._is_finite[slots] &= found[:, :, count].isfinite().all(dim=1)
        totals = found[:, :, :count] + self._scores[slots].unsqueeze(-1)
        scores, places = totals.flatten(1).topk(count)
        return scores, places // count, tokens.cpu().view(len(slots), -1).gather(1, places)

    def _ban(self, slots: torch.Tensor, logits: torch.Tensor) -> None:
        if not self._no_repeat:
            return
        rows, tokens = list[int](), list[int]()
        for member, slot in enumerate(slots.tolist()):
            language, size = self._no_repeat.get(slot, (0, 0))
            for beam in range(self._beams if size else 0):
                past = self._history.pieces(slot, int(self._pieces[slot]), beam)
                banned = banned_tokens([self._start, language, *past], size)
                rows += [member * self._beams + beam] * len(banned)
                tokens += banned
        row, token = torch.tensor([rows, tokens], dtype=torch.int64).to(logits.device, non_blocking=True)
        logits[row, token] = -math.inf

    def _worth(self, scores: torch.Tensor, over: torch.Tensor, pieces: torch.Tensor) -> torch.Tensor:
        """What the first W continuations are worth as answers; DEAD where they are none, NaN among them. [k, W]"""
        worth = scores / self._divisors[pieces].unsqueeze(1)
        return torch.where(over & (scores > DEAD), worth, DEAD)[:, : self._beams]

    def _is_settled(self, slots: torch.Tensor, best_possible: torch.Tensor) -> torch.Tensor:
        """Whether no beam is likely to beat the worst of W endings; if stopping early, whether there are W. [k]"""
        worst = self._finished.worst(slots)
        settled = ~(best_possible > worst)
        return settled | (worst > DEAD) if self._early else settled
