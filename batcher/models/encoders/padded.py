"""Any encoder as transformers computes it, with padding: other architectures than BERT's, and CUDA cards."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from batcher.models.encoders.families import has_padding, is_paddable
from batcher.models.files.network import is_classifier
from batcher.models.layers.int8 import replace_linear
from batcher.models.layers.tensors import pad

NO_TOKEN = -1  # a network that looks for padding among the ids finds none


class Padded:
    """Each text gets what it would get alone. Where padding would change that, only texts of one length are computed
    together.

    A real token is never padding: a classifier that reads the last token finds it by the ids, so without a padding
    token of its own it sees texts of one length, and nothing to look for.
    """

    def __init__(self, network: Any, dtype: str) -> None:
        self._network = network
        config = network.config.get_text_config()
        self.pads = is_paddable(network.config) and (has_padding(network.config) or not is_classifier(network))
        self._fill = config.pad_token_id if has_padding(network.config) else 0  # under the mask, where nobody looks
        if not has_padding(network.config):
            config.pad_token_id = NO_TOKEN
        if dtype == "int8":
            replace_linear(network)

    def states(self, rows: Sequence[array[int]]) -> list[torch.Tensor]:
        """For each row of ids its last hidden states [tokens, width]."""
        placed: dict[int, torch.Tensor] = {}
        for numbers, output in self._computed(rows):
            hidden = output.last_hidden_state
            placed |= {number: states[: len(rows[number])] for number, states in zip(numbers, hidden, strict=True)}
        return [placed[number] for number in range(len(rows))]

    def logits(self, rows: Sequence[array[int]], seconds: Sequence[int] | None = None) -> torch.Tensor:
        """[rows, labels]."""
        placed: dict[int, torch.Tensor] = {}
        for numbers, output in self._computed(rows, seconds):
            placed |= dict(zip(numbers, output.logits, strict=True))
        return torch.stack([placed[number] for number in range(len(rows))])

    def _computed(
        self, rows: Sequence[array[int]], seconds: Sequence[int] | None = None
    ) -> Iterator[tuple[Sequence[int], Any]]:
        """Pairs (numbers of rows, what the network gives for them)."""
        for numbers in self._batches(rows):
            ids, mask = pad([rows[number] for number in numbers], self._fill, self._network.device)
            types = {}
            if seconds is not None:
                types["token_type_ids"] = _types([seconds[number] for number in numbers], mask)
            yield numbers, self._network(input_ids=ids, attention_mask=mask, **types)

    def _batches(self, rows: Sequence[array[int]]) -> Sequence[Sequence[int]]:
        if self.pads:
            return [range(len(rows))]
        of_length: dict[int, list[int]] = {}
        for number, row in enumerate(rows):
            of_length.setdefault(len(row), []).append(number)
        return list(of_length.values())


def _types(seconds: Sequence[int], mask: torch.Tensor) -> torch.Tensor:
    """1 from where the second text begins, 0 before and in the padding."""
    columns = torch.arange(mask.shape[1], device=mask.device)
    return (columns >= torch.tensor(seconds, device=mask.device).unsqueeze(1)).long() * mask
