"""Beam search over rows that join, leave and are at different lengths; each ends as HF `generate` ends it alone.

A row has W beams, hypotheses that run on, and the W best hypotheses that ended. A step offers its 2·W likeliest
continuations: however many of the first W end, W are left to run on.
"""

from __future__ import annotations

import math

import torch

from batcher.models.translation.inputs import PROMPT
from batcher.models.translation.search.contract import Turn
from batcher.models.translation.search.repeats import repeating
from batcher.models.translation.search.topk import largest, log_sums

DEAD = -1e9  # the score of no hypothesis: far below all others, and still a number to add to


class BeamSearch:
    """Keeps `Search`, for up to `rows` jobs with limits up to `longest`. Its state is on the CPU, wherever logits are.

    A hypothesis is worth Σ log-probability / (pieces + 1) ** `length_penalty`, where an end counts as a piece and the
    one is the language: so does `generate(forced_bos_token_id=…)`.
    """

    def __init__(
        self,
        rows: int,
        *,
        beams: int,
        longest: int,
        eos: int,
        pad: int,
        length_penalty: float,
        early_stopping: bool | str,
        start: int,
    ) -> None:
        self._beams, self._eos, self._pad, self._start = beams, eos, pad, start
        self._early = early_stopping is True
        self._hopes_to_the_limit = early_stopping == "never" and length_penalty > 0
        self._divisors = torch.tensor([(pieces + 1) ** length_penalty for pieces in range(max(PROMPT, longest))])
        self._pieces = torch.zeros(rows, dtype=torch.int64)  # so far
        self._room = torch.zeros(rows, dtype=torch.int64)  # pieces at most
        self._scores = torch.zeros(rows, beams)
        self._trails = _Trails(rows, beams, longest)
        self._endings = _Endings(rows, beams)
        self._noise = torch.zeros(rows, dtype=torch.bool)  # rows whose logits were no numbers
        self._rules: dict[int, tuple[int, int]] = {}  # row → (language, n) where no n-gram may be repeated

    def join(self, row: int, *, language: int, limit: int, no_repeat: int = 0) -> None:
        """A job takes this row; `limit` counts the tokens of its sequence, start and language included.

        No n-gram of `no_repeat` tokens will be in the sequence twice; 0: any may be.
        """
        self._pieces[row] = 0
        self._noise[row] = False
        self._room[row] = max(0, limit - PROMPT)
        self._scores[row] = DEAD  # all beams begin alike, and one of them is enough to go on from
        self._scores[row, 0] = 0.0
        self._endings.clear(row, is_over=limit <= PROMPT)
        self._rules.pop(row, None)
        if no_repeat:
            self._rules[row] = (language, no_repeat)

    def advance(self, rows: torch.Tensor, logits: torch.Tensor) -> Turn:
        """One step of `rows` int64 [k], distinct, by `logits` [k·W, vocabulary], into which bans are written."""
        rows = rows.cpu()
        scores, parents, tokens = self._candidates(rows, logits)
        self._pieces[rows] += 1
        pieces, room = self._pieces[rows], self._room[rows]
        over = (tokens == self._eos) | (pieces >= room).unsqueeze(1)
        self._endings.add(rows, self._worth(scores, over, pieces), pieces, parents, tokens)
        running, chosen = (scores + DEAD * over).topk(self._beams)
        parents, tokens = parents.gather(1, chosen), tokens.gather(1, chosen)
        self._scores[rows] = running
        self._trails.step(rows, pieces, parents, tokens)
        hope = running[:, 0] / self._divisors[room if self._hopes_to_the_limit else pieces]
        ended = over.all(dim=1) | self._is_settled(rows, hope) | self._noise[rows]
        return Turn(
            tokens=tokens.flatten().to(logits.device),
            parents=parents.flatten().to(logits.device),
            ended=ended.nonzero().flatten().tolist(),
        )

    def answer(self, row: int) -> list[int]:
        """The pieces of a row that ended: its best hypothesis, without start, language, end and padding."""
        pieces, beam, token = self._endings.best(row)
        sequence = [*self._trails.back(row, pieces - 1, beam), token] if pieces else []
        return [piece for piece in sequence if piece not in (self._eos, self._pad)]

    def is_noise(self, row: int) -> bool:
        return bool(self._noise[row])

    def is_cut(self, row: int) -> bool:
        """Whether its best hypothesis came to the limit."""
        pieces, _, token = self._endings.best(row)
        return pieces > 0 and token != self._eos

    def move(self, source: int, target: int) -> None:
        """The job in row `source` is in row `target` from now on."""
        for state in (self._pieces, self._room, self._noise, self._scores, *self._trails.state, *self._endings.state):
            state[target] = state[source]
        self._rules.pop(target, None)
        if source in self._rules:
            self._rules[target] = self._rules.pop(source)

    def _candidates(self, rows: torch.Tensor, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The 2·W best continuations of each row, best first: scores, parents and tokens [k, 2·W]."""
        count = 2 * self._beams
        sums = log_sums(logits)  # before the bans, which take nothing from the others' probability to give to the rest
        self._ban(rows, logits)
        values, tokens = largest(logits, count)
        # The sum is a number only where every logit is one.
        self._noise[rows] |= ~sums.isfinite().cpu().view(len(rows), self._beams).all(dim=1)
        chances = (values - sums.unsqueeze(1)).cpu().view(len(rows), self._beams, count)
        totals = chances + self._scores[rows].unsqueeze(-1)
        scores, places = totals.flatten(1).topk(count)
        return scores, places // count, tokens.cpu().view(len(rows), -1).gather(1, places)

    def _ban(self, rows: torch.Tensor, logits: torch.Tensor) -> None:
        if not self._rules:
            return
        for member, row in enumerate(rows.tolist()):
            language, size = self._rules.get(row, (0, 0))
            for beam in range(self._beams if size else 0):
                past = self._trails.back(row, int(self._pieces[row]), beam)
                banned = repeating([self._start, language, *past], size)
                logits[member * self._beams + beam, banned] = -math.inf

    def _worth(self, scores: torch.Tensor, over: torch.Tensor, pieces: torch.Tensor) -> torch.Tensor:
        """What the first W continuations are worth as answers; DEAD where they are none, NaN among them. [k, W]"""
        worth = scores / self._divisors[pieces].unsqueeze(1)
        return torch.where(over & (scores > DEAD), worth, DEAD)[:, : self._beams]

    def _is_settled(self, rows: torch.Tensor, hope: torch.Tensor) -> torch.Tensor:
        """Whether no beam is likely to beat the worst of W endings; if stopping early, whether there are W. [k]"""
        worst = self._endings.worst(rows)
        settled = ~(hope > worst)
        return settled | (worst > DEAD) if self._early else settled


class _Trails:
    """How each beam came where it is: at each step its token, and the beam it came from. Nothing is ever copied."""

    def __init__(self, rows: int, beams: int, longest: int) -> None:
        self._tokens = torch.zeros(rows, longest, beams, dtype=torch.int32)
        self._parents = torch.zeros(rows, longest, beams, dtype=torch.int32)
        self.state = (self._tokens, self._parents)

    def step(self, rows: torch.Tensor, pieces: torch.Tensor, parents: torch.Tensor, tokens: torch.Tensor) -> None:
        """The `pieces`-th step of these rows, [k, W] each."""
        self._tokens[rows, pieces - 1] = tokens.int()
        self._parents[rows, pieces - 1] = parents.int()

    def back(self, row: int, pieces: int, beam: int) -> list[int]:
        """The pieces of a beam as it was after so many, first to last."""
        tokens, parents = self._tokens[row, :pieces].tolist(), self._parents[row, :pieces].tolist()
        trail = []
        for at in reversed(range(pieces)):
            trail.append(tokens[at][beam])
            beam = parents[at][beam]
        return trail[::-1]


class _Endings:
    """The W best hypotheses of each row that ended, best first."""

    def __init__(self, rows: int, beams: int) -> None:
        self._scores = torch.zeros(rows, beams)
        self._where = torch.zeros(rows, beams, 3, dtype=torch.int64)  # pieces, the beam before the last, the last
        self.state = (self._scores, self._where)

    def clear(self, row: int, *, is_over: bool) -> None:
        """None so far; or no pieces at all, which nothing can beat."""
        self._scores[row] = DEAD
        if is_over:
            self._scores[row, 0], self._where[row, 0] = math.inf, 0

    def add(
        self,
        rows: torch.Tensor,
        scores: torch.Tensor,
        pieces: torch.Tensor,
        parents: torch.Tensor,
        tokens: torch.Tensor,
    ) -> None:
        """Keep the best W of those here and the first W of these; scores [k, W]."""
        beams = scores.shape[1]
        if not (scores > DEAD).any():
            return
        where = torch.stack([pieces.unsqueeze(1).expand_as(tokens), parents, tokens], dim=-1)[:, :beams]
        self._scores[rows], best = torch.cat([self._scores[rows], scores], dim=1).topk(beams)
        both = torch.cat([self._where[rows], where], dim=1)
        self._where[rows] = both.gather(1, best.unsqueeze(-1).expand(-1, -1, 3))

    def worst(self, rows: torch.Tensor) -> torch.Tensor:
        """The score of the W-th; DEAD where there are fewer. [k]"""
        return self._scores[rows].amin(dim=1)

    def best(self, row: int) -> tuple[int, int, int]:
        """Its pieces (the last of them included), the beam that it came from, its last token; zeros for none."""
        pieces, beam, token = self._where[row, 0].tolist() if self._scores[row, 0] > DEAD else (0, 0, 0)
        return pieces, beam, token
