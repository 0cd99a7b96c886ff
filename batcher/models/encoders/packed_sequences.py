"""Texts that lie one after another, without padding between them: [tokens, …] instead of [texts, longest, …]."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import groupby

import torch
from torch.nn import functional


class PackedSequences:
    """Only attention has to know where a text ends. The shortest come first: texts of one length are neighbours.

    Attention computes those together, as a view: nothing is copied, padded or masked. A text that has its length to
    itself costs a few microseconds more, far less than its padding would.
    """

    def __init__(self, texts: Sequence[array[int]]) -> None:
        """`texts` from the shortest to the longest, none empty."""
        joined = array("i")
        for text in texts:
            joined.extend(text)
        self.ids = torch.frombuffer(joined, dtype=torch.int32).long()  # [tokens]
        self.lengths = [len(text) for text in texts]
        self._runs = [(length, sum(1 for _ in of_length)) for length, of_length in groupby(self.lengths)]

    def positions(self) -> torch.Tensor:
        """[tokens], int64: 0, 1, 2, … in each text."""
        return torch.cat([torch.arange(length).repeat(count) for length, count in self._runs])

    def types(self, seconds: Sequence[int]) -> torch.Tensor:
        """[tokens]: 1 from where the second text of each pair begins, else 0."""
        begins = torch.repeat_interleave(torch.tensor(seconds), torch.tensor(self.lengths))
        return (self.positions() >= begins).long()

    def count(self, marks: torch.Tensor) -> torch.Tensor:
        """[tokens]: how many of the `marks` [tokens], 0 or 1, a text has up to each token, that one included."""
        return torch.cat([part.cumsum(0) for part in torch.split(marks, self.lengths)])

    def attend(self, qkv: torch.Tensor, heads: int) -> torch.Tensor:
        """[tokens, 3 · width] → [tokens, width]: each token attends to all tokens of its own text."""
        of_length = torch.split(qkv, [length * count for length, count in self._runs])
        attended = [
            _attend(part.view(count, length, 3, heads, -1))
            for part, (length, count) in zip(of_length, self._runs, strict=True)
        ]
        return torch.cat(attended)


def _attend(qkv: torch.Tensor) -> torch.Tensor:
    """[texts, tokens, 3, heads, head] → [texts · tokens, heads · head]."""
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    attended = functional.scaled_dot_product_attention(query, key, value)
    return attended.transpose(1, 2).flatten(0, 1).flatten(1)
