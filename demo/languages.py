"""The first generated token is each row's target language: so one batch mixes all pairs, with beams or without."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor


class ForcedLanguages(LogitsProcessor):
    """Leaves at the first step only each row's language. Scores are [rows * beams, vocabulary]."""

    def __init__(self, languages: Sequence[int], beams: int = 1) -> None:
        self._languages = torch.tensor(languages).repeat_interleave(beams)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if input_ids.shape[1] > 1:
            return scores
        only = torch.full_like(scores, float("-inf"))
        return only.scatter(1, self._languages[:, None], 0.0)
