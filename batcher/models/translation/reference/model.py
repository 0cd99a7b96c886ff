"""An M2M100 checkpoint decoded by HF `generate`, batch by batch: what the in-flight engine is compared with."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from transformers import M2M100ForConditionalGeneration

from batcher.models.contract import Input, Output
from batcher.models.errors import ModelSpecError
from batcher.models.files.network import load_network
from batcher.models.files.weights import Weights
from batcher.models.layers.tensors import memory_errors, pad
from batcher.models.settings import ModelSettings
from batcher.models.translation.checkpoint import check_family, read_checkpoint
from batcher.models.translation.decoding import most_pieces, revision, with_settings
from batcher.models.translation.inputs import PROMPT_TOKENS, InputReader, TranslationInput
from batcher.models.translation.outputs import translation_output
from batcher.models.translation.reference.processors import FindNotFinite, ForceLanguages, ReportProgress, StopAtLimits

WARM_UP = ((1, 8), (4, 16))  # (rows, source tokens) of the forwards that warm up
WARM_UP_TOKENS = 8  # of the answers to them
NAN = float("nan")  # in place of an answer whose logits were not finite: the engine makes a failure of it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    number: int  # its place among the inputs
    input: TranslationInput


class ReferenceTranslation:
    """An input is `{"source": array("i") [language, pieces…, end], "target": language id, "max_new_tokens"?: int}`.

    An output is array("i"), the pieces of the answer; or `{"pieces": array("i"), "truncated": True}` where it reached
    its limit before its end; or NaN where its logits were not finite. Decoding is the checkpoint's own, unless
    settings say otherwise; never sampled, since a result is a function of its input. Each row gets what
    `generate(forced_bos_token_id=…)` gives it alone. `max_new_tokens` counts the language, as there; a row may ask for
    less than the checkpoint, not for more.
    """

    def __init__(self, weights: Weights, settings: ModelSettings) -> None:
        check_family(weights)
        if settings.dtype == "int8":
            raise ModelSpecError("engine=reference computes in floats: say engine=in-flight, or dtype=fp32")
        self._network: Any = load_network(M2M100ForConditionalGeneration, weights, settings)
        self._config = self._network.config
        self._checkpoint = read_checkpoint(weights, self._config)
        self._progress: Callable[[], None] = lambda: None
        self._languages = frozenset(self._checkpoint.language_ids.values())
        self._decoding = self._network.generation_config = with_settings(self._network.generation_config, settings)
        self._reader = InputReader(
            vocabulary=self._config.vocab_size,
            longest_source=self._checkpoint.max_cost,
            longest_answer=self._decoding.max_length,
            languages=self._languages,
        )
        # In fp32 both engines say the same, and share a queue.
        engine = [] if settings.dtype == "fp32" else ["reference"]
        self.about = self._checkpoint.about(
            revision(weights, settings, *engine, guard=False),
            longest_answer=most_pieces(self._decoding.max_length),
            split=settings.split,
        )

    def cost(self, input: Input) -> int:
        return len(input["source"])

    def warm_up(self) -> None:
        target = min(self._languages)
        for rows, tokens in WARM_UP:
            source = array("i", [target] * min(tokens, self._checkpoint.max_cost))
            self.forward([{"source": source, "target": target, "max_new_tokens": WARM_UP_TOKENS}] * rows)

    def report_to(self, progress: Callable[[], None]) -> None:
        """Called after every decoded token: a large batch may take minutes on a CPU."""
        self._progress = progress

    @torch.inference_mode()
    def forward(self, inputs: Sequence[Input]) -> list[Output]:
        rows = [_Row(number=number, input=self._reader.read(input)) for number, input in enumerate(inputs)]
        with memory_errors():
            answered = [pair for part in self._parts(rows) for pair in zip(part, self._generate(part), strict=True)]
        return [answer for _, answer in sorted(answered, key=lambda pair: pair[0].number)]

    def _parts(self, rows: Sequence[_Row]) -> list[list[_Row]]:
        """All rows together; by their limits where the checkpoint forces an end at the limit of the whole call."""
        if self._decoding.forced_eos_token_id is None:
            return [list(rows)]
        ordered = sorted(rows, key=lambda row: row.input.limit)
        return [list(part) for _, part in groupby(ordered, key=lambda row: row.input.limit)]

    def _generate(self, rows: Sequence[_Row]) -> list[Output]:
        device = self._network.device
        ids, mask = pad([row.input.source for row in rows], self._checkpoint.special_ids["pad"], device)
        limits = [row.input.limit for row in rows]
        not_finite = FindNotFinite(len(rows), self._checkpoint.special_ids["eos"], device)
        sequences = self._network.generate(
            input_ids=ids,
            attention_mask=mask,
            max_length=max(limits),
            stopping_criteria=[ReportProgress(self._progress), StopAtLimits(limits, device)],
            **self._language_options([row.input.target for row in rows], device, not_finite),
        )
        answers = [self._answer(tokens, limit) for tokens, limit in zip(sequences.tolist(), limits, strict=True)]
        return [NAN if is_bad else answer for answer, is_bad in zip(answers, not_finite.rows(), strict=True)]

    def _language_options(
        self, targets: Sequence[int], device: torch.device, not_finite: FindNotFinite
    ) -> dict[str, Any]:
        """How each row is told its language.

        Greedy takes it as a prefix, which saves a step. Beams must not: their scores are divided by the length after
        the prefix, which would be one less than `forced_bos_token_id` makes it, and another hypothesis may win.
        """
        beams = self._decoding.num_beams
        if beams > 1:
            return {"logits_processor": [ForceLanguages(targets, beams, device), not_finite]}
        start = self._decoding.decoder_start_token_id
        prompts = torch.tensor([[start, target] for target in targets], device=device)
        return {"decoder_input_ids": prompts, "logits_processor": [not_finite]}

    def _answer(self, tokens: Sequence[int], limit: int) -> Output:
        """The pieces alone: after the prompt, before the end, without padding."""
        end, padding = self._checkpoint.special_ids["eos"], self._checkpoint.special_ids["pad"]
        pieces = tokens[PROMPT_TOKENS:limit]
        ends = pieces.index(end) if end in pieces else None
        # An end that is forced stands in the last place, whatever was still to be said.
        is_forced = self._decoding.forced_eos_token_id is not None and ends == limit - PROMPT_TOKENS - 1
        said = [piece for piece in pieces[:ends] if piece != padding]
        return translation_output(said, is_truncated=ends is None or is_forced)
