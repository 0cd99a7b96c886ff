"""What one-by-one `generate` says, and how near to a tie it was where a batch says otherwise."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import M2M100ForConditionalGeneration

from batcher.models.spec import LoadedModel

Input = Mapping[str, Any]

END, PADDING = 2, 1
TIE = 1e-4


class Oracle:
    """A checkpoint in fp32, asked for one input at a time with `forced_bos_token_id`."""

    def __init__(self, directory: Path) -> None:
        self._network: Any = M2M100ForConditionalGeneration.from_pretrained(
            directory, dtype=torch.float32, use_safetensors=True
        ).eval()
        self.exceptions = 0  # near-ties that a batch resolved otherwise

    def answer(self, input: Input, **decoding: Any) -> list[int]:
        tokens = self.sequence(input, **decoding)
        return [token for token in tokens[: (*tokens, END).index(END)] if token != PADDING]

    @torch.inference_mode()
    def sequence(self, input: Input, **decoding: Any) -> list[int]:
        """What `generate` returns after start and language."""
        source = torch.tensor([input["source"].tolist()])
        if "max_new_tokens" in input:
            decoding |= {"max_new_tokens": input["max_new_tokens"], "max_length": None}
        tokens: list[int] = self._network.generate(
            input_ids=source,
            attention_mask=torch.ones_like(source),
            forced_bos_token_id=input["target"],
            do_sample=False,
            **decoding,
        )[0].tolist()[2:]
        return tokens

    def agrees(self, input: Input, answer: Sequence[int], **decoding: Any) -> bool:
        """Equal; or different within a tie, which is counted."""
        expected = self.answer(input, **decoding)
        if list(answer) == expected:
            return True
        self.exceptions += 1
        beams = decoding.get("num_beams") or self._network.generation_config.num_beams
        return self.margin(input, list(answer), expected, beams=beams) < TIE

    def margin(self, input: Input, answer: list[int], expected: list[int], *, beams: int) -> float:
        """How far apart two answers that differ are: near nothing is a tie."""
        return (self._between_tokens if beams == 1 else self._between_hypotheses)(input, answer, expected)

    def _between_tokens(self, input: Input, answer: list[int], expected: list[int]) -> float:
        """Greedy: how far apart the two best logits are where the answers part."""
        pairs = zip([*answer, END], [*expected, END], strict=False)
        shared = next(place for place, (one, other) in enumerate(pairs) if one != other)
        best, second = self._logits(input, expected[:shared])[-1].topk(2).values.tolist()
        return best - second

    def _between_hypotheses(self, input: Input, answer: list[int], expected: list[int]) -> float:
        """Beams: how far apart the scores of the two answers are."""
        return abs(self._score(input, answer) - self._score(input, expected))

    def _score(self, input: Input, answer: list[int]) -> float:
        chances = self._logits(input, answer).log_softmax(dim=-1)[1:]
        ended = torch.tensor([*answer, END]).unsqueeze(1)
        penalty: float = self._network.generation_config.length_penalty or 1.0
        return chances.gather(1, ended).sum().item() / (len(answer) + 2) ** penalty

    @torch.inference_mode()
    def _logits(self, input: Input, answer: list[int]) -> torch.Tensor:
        """After the start, the language and each token of the answer."""
        output = self._network(
            input_ids=torch.tensor([input["source"].tolist()]),
            decoder_input_ids=torch.tensor([[END, input["target"], *answer]]),
        )
        logits: torch.Tensor = output.logits[0]
        return logits


def unmarked(output: Any) -> Any:
    """Without the mark of an answer that was cut, which tiny checkpoints say for ever: what `generate` returns."""
    if not isinstance(output, Mapping) or "truncated" not in output:
        return output
    rest = {name: value for name, value in output.items() if name != "truncated"}
    return rest if "degenerate" in rest else rest["pieces"]


def without_marks(model: LoadedModel) -> LoadedModel:
    """A model whose answers are as `generate` returns them."""
    return replace(model, forward=lambda inputs: [unmarked(output) for output in model.forward(inputs)])


def source(language: int, pieces: Sequence[int]) -> array[int]:
    """As a front end frames it."""
    return array("i", [language, *pieces, END])
