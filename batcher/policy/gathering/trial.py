"""Which of two ways serves the load of now better: both are tried in turns, and judged by what came of it. Pure.

No model of a server knows whether its processes share a core, or who sends. What is compared is what counts: the jobs
that end in a second, and where these are alike (not all send sooner for being answered sooner) how long they stay.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

SKIPPED = 3  # rounds of a block that still have to do with the block before it
ROUNDS = SKIPPED + 6  # of a block: bursts of two or three batches each fit in whole, and are no uneven rate
LEAST, MOST = 2, 5  # blocks of each way in a trial
PATIENCE, LONGEST = 8, 96  # blocks until the next trial: after the first one, and at most
DECIDED, UNDECIDED = 4, 2  # times as many after one that found what was found before, or no difference
SURE = 2.5  # standard errors between two ways, of many blocks; of few it takes more
NOTICED = 0.01  # a smaller difference is none
BLUR = 0.008  # of a score: nobody knows it better, however alike a few blocks are
CHANGED = 0.3  # by such a part of its score a block shows that the load is another one


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What came of a block; of both, less is better."""

    seconds: float  # of the clock, for each job
    stay: float  # seconds that a job was here


class Trial:
    """The first way is in use until the second was found better. A trial begins when somebody `want`s it; each one that
    changes nothing makes the next one rarer."""

    def __init__(self) -> None:
        self.is_second = False  # which way is in use
        self._chosen = self._is_wanted = False
        self._blocks: int | None = None  # of a trial, until now; None: there is none
        self._left, self._patience = LEAST, PATIENCE  # blocks until the next one
        self._scores = {way: deque[Score](maxlen=MOST) for way in (False, True)}
        self._rounds = self._jobs = 0  # of this block; jobs and seconds without the first rounds
        self._seconds = self._stay = 0.0

    def want(self) -> None:
        """The second way would do otherwise than the first."""
        self._is_wanted = True

    def note(self, jobs: int, *, seconds: float, stay: float) -> None:
        """One round: jobs that ended, its length, and the time that all of these were here."""
        self._rounds += 1
        if self._rounds > SKIPPED:
            self._jobs, self._seconds, self._stay = self._jobs + jobs, self._seconds + seconds, self._stay + stay
        if self._rounds >= ROUNDS and self._jobs:
            self._end_block(Score(seconds=self._seconds / self._jobs, stay=self._stay / self._jobs))
            self._rounds = self._jobs = 0
            self._seconds = self._stay = 0.0

    def _end_block(self, score: Score) -> None:
        if self._blocks is None:
            self._look_around(score)
        self._scores[self.is_second].append(score)
        if self._blocks is not None:
            self._blocks += 1
            self._judge()
        elif self._left <= 0 and self._is_wanted:
            self._begin()

    def _look_around(self, score: Score) -> None:
        scores = self._scores[self.is_second]
        self._left -= 1
        if _is_other_load(score, scores):
            self._left, self._patience = min(self._left, 1), PATIENCE
            scores.clear()

    def _begin(self) -> None:
        self._blocks = 0
        newest = self._scores[self.is_second].pop()  # the others may be of another load
        self._scores[self.is_second].clear()
        self._scores[self.is_second].append(newest)
        self.is_second = not self.is_second
        self._scores[self.is_second].clear()

    def _judge(self) -> None:
        assert self._blocks is not None
        pairs, odd = divmod(self._blocks, 2)
        verdict = self._verdict(is_last=pairs >= MOST) if not odd and pairs >= LEAST else None
        if verdict is None and pairs < MOST:
            self.is_second = not self.is_second
        else:
            self._settle(self._chosen if verdict is None else verdict, UNDECIDED if verdict is None else DECIDED)

    def _settle(self, way: bool, times: int) -> None:
        self._patience = min(times * self._patience, LONGEST) if way is self._chosen else PATIENCE
        self._chosen = self.is_second = self._is_wanted = way
        self._left, self._blocks = self._patience, None

    def _verdict(self, *, is_last: bool) -> bool | None:
        """Whether the second way is better; None: nobody knows."""
        first, second = self._scores[False], self._scores[True]
        by_rate = _is_less([one.seconds for one in second], [one.seconds for one in first])
        if by_rate is not None or not is_last:
            return by_rate
        return _is_less([one.stay for one in second], [one.stay for one in first])


def _is_other_load(score: Score, scores: Sequence[Score]) -> bool:
    if len(scores) < LEAST:
        return False
    seconds = [one.seconds for one in scores]
    return abs(score.seconds - fmean(seconds)) > max(CHANGED * fmean(seconds), 4 * sqrt(_variance(seconds)))


def _is_less(these: Sequence[float], those: Sequence[float]) -> bool | None:
    """None: one cannot tell."""
    few = min(len(these), len(those))
    if few < LEAST:
        return None
    less = fmean(those) - fmean(these)
    error = sqrt(_variance(these) / len(these) + _variance(those) / len(those) + (BLUR * fmean(those)) ** 2)
    if abs(less) < max(SURE * (1 + LEAST / few) * error, NOTICED * fmean(those)):
        return None
    return less > 0.0


def _variance(values: Sequence[float]) -> float:
    """As `statistics` has it, which counts in fractions: that took longer than all else of a round together."""
    mean = fmean(values)
    return sum((one - mean) ** 2 for one in values) / (len(values) - 1)
