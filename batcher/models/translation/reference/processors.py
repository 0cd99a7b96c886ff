"""What is added to `generate`: a language and a limit for each row, and a report of each step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from transformers import LogitsProcessor, StoppingCriteria


class ForceLanguages(LogitsProcessor):
    """The first token of each row is its language; what `forced_bos_token_id` does where all rows share one."""

    def __init__(self, languages: Sequence[int], beams: int, device: torch.device) -> None:
        self._languages = torch.tensor(languages, device=device).repeat_interleave(beams).unsqueeze(1)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.Tensor:
        if input_ids.shape[1] > 1:
            return scores
        return torch.full_like(scores, -math.inf).scatter_(1, self._languages, 0.0)


class ReportProgress(StoppingCriteria):
    """Stops nothing: each step is reported, so that a long search is not taken for one that hangs."""

    def __init__(self, progress: Callable[[], None]) -> None:
        self._progress = progress

    def __call__(self, input_ids: torch.LongTensor, scores: object, **kwargs: object) -> torch.Tensor:
        self._progress()
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)


class StopAtLimits(StoppingCriteria):
    """Each row ends at its own length, start token included. A search offers several candidates a row, one by one."""

    def __init__(self, limits: Sequence[int], device: torch.device) -> None:
        self._limits = torch.tensor(limits, device=device)

    def __call__(self, input_ids: torch.LongTensor, scores: object, **kwargs: object) -> torch.Tensor:
        candidates = input_ids.shape[0] // len(self._limits)
        return input_ids.shape[1] >= self._limits.repeat_interleave(candidates)


class FindNotFinite(LogitsProcessor):
    """Changes nothing: finds the rows whose scores were not finite before they had ended."""

    def __init__(self, rows: int, end: int, device: torch.device) -> None:
        self._found, self._end = torch.zeros(rows, dtype=torch.bool, device=device), end

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        has_ended = (input_ids[:, 1:] == self._end).any(dim=1)  # not the start, which may be the same token
        bad = ~scores.amax(dim=-1).isfinite() & ~has_ended
        self._found |= bad.view(len(self._found), -1).any(dim=1)
        return scores

    def rows(self) -> list[bool]:
        """Of each row, whether it is one of them."""
        found: list[bool] = self._found.tolist()
        return found
