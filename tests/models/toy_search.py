"""A model that is a table, for `generate` and for our own search; and what an engine does with a search, in short."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import GenerationConfig, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from batcher.models.translation.search.beam import BeamSearch

PADDING, END, START = 1, 2, 2
LANGUAGES = range(30, 40)
MUTE = 30  # a language in which there is nothing to say
VOCABULARY = 40
LONGEST = 30  # tokens
CONTEXTS = 997


@dataclass(frozen=True, slots=True)
class Decoding:
    beams: int
    length_penalty: float = 1.0
    early_stopping: bool | str = True

    def search(self, slots: int = 8, longest: int = LONGEST) -> BeamSearch:
        return BeamSearch(
            slots,
            beams=self.beams,
            longest=longest,
            end=END,
            padding=PADDING,
            length_penalty=self.length_penalty,
            early_stopping=self.early_stopping,
            start=START,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """One job's part of a search."""

    language: int
    limit: int = LONGEST
    no_repeat: int = 0


class Toy(PreTrainedModel, GenerationMixin):
    """Its logits depend on the last two tokens alone."""

    config_class = PretrainedConfig

    def __init__(self, seed: int = 0) -> None:
        super().__init__(PretrainedConfig(vocab_size=VOCABULARY))
        self.generation_config = GenerationConfig(eos_token_id=END, pad_token_id=PADDING, do_sample=False)
        self.table = 2 * torch.randn(CONTEXTS, VOCABULARY, generator=torch.Generator().manual_seed(seed))
        self.table[:, END] += 1.5
        self.table[self._contexts(torch.tensor([[START, MUTE]])), END] = 30.0
        self.nothing = torch.nn.Parameter(torch.zeros(1))  # HF asks a parameter for the device

    def say_only(self, chances: Mapping[tuple[int, int], Mapping[int, float]]) -> None:
        """After each two tokens these, with these probabilities; after all others anything."""
        for (before, last), said in chances.items():
            logits = torch.full((1, VOCABULARY), -30.0)
            logits[0, list(said)] = torch.tensor(list(said.values())).log()
            self.table[self._contexts(torch.tensor([[before, last]]))] = logits

    def after(self, asked: Asked, beams: Sequence[Sequence[int]]) -> torch.Tensor:
        """The logits of one slot's beams, [beams, vocabulary]."""
        return self.table[self._contexts(torch.tensor([beam[-2:] for beam in beams]))]

    def answer(self, asked: Asked, decoding: Decoding) -> list[int]:
        """What `generate` says."""
        sequence = self.generate(
            input_ids=torch.tensor([[START]]),
            attention_mask=torch.tensor([[1]]),
            forced_bos_token_id=asked.language,
            max_length=asked.limit,
            no_repeat_ngram_size=asked.no_repeat,
            num_beams=decoding.beams,
            length_penalty=decoding.length_penalty,
            early_stopping=decoding.early_stopping,
            use_cache=False,
        )
        pieces = sequence[0, 2:].tolist()
        return [piece for piece in pieces if piece not in (END, PADDING)]

    def forward(self, input_ids: torch.Tensor, attention_mask: Any = None, **kwargs: Any) -> CausalLMOutputWithPast:
        return CausalLMOutputWithPast(logits=self.table[self._contexts(input_ids)].unsqueeze(1))

    def prepare_inputs_for_generation(self, input_ids: torch.Tensor, **kwargs: Any) -> dict[str, torch.Tensor]:
        return {"input_ids": input_ids}

    @staticmethod
    def _contexts(sequences: torch.Tensor) -> torch.Tensor:
        return (31 * sequences[:, -2:-1].sum(dim=1) + sequences[:, -1]) % CONTEXTS


@dataclass(slots=True)
class _Slot:
    name: int
    asked: Asked
    beams: list[list[int]]


@dataclass(slots=True)
class Slots:
    """Slots 0 … n-1 of a search, and what their beams have said."""

    search: BeamSearch
    width: int
    after: Callable[[Asked, Sequence[Sequence[int]]], torch.Tensor]
    slots: list[_Slot] = field(default_factory=list)

    def join(self, name: int, asked: Asked) -> None:
        self.search.join(len(self.slots), language=asked.language, limit=asked.limit, no_repeat=asked.no_repeat)
        self.slots.append(_Slot(name, asked, [[START, asked.language]] * self.width))

    def step(self, members: Sequence[int]) -> dict[int, list[int]]:
        """One token for these slots; the answers of those that ended, by name."""
        slots = [self.slots[member] for member in members]
        logits = torch.cat([self.after(slot.asked, slot.beams) for slot in slots])
        step = self.search.step(members, logits)
        tokens, parents = step.tokens.view(-1, self.width).tolist(), step.parents.view(-1, self.width).tolist()
        for slot, said, came_from in zip(slots, tokens, parents, strict=True):
            slot.beams = [[*slot.beams[parent], token] for parent, token in zip(came_from, said, strict=True)]
        ended = [members[place] for place in step.ended]
        answers = {self.slots[slot].name: self.search.answer(slot) for slot in ended}
        for slot in sorted(ended, reverse=True):
            self.leave(slot)
        return answers

    def leave(self, slot: int) -> None:
        last = self.slots.pop()
        if slot < len(self.slots):
            self.search.move(len(self.slots), slot)
            self.slots[slot] = last


def answers(decoding: Decoding, asked: Sequence[Asked], after: Any, longest: int = LONGEST) -> list[list[int]]:
    """All side by side, from the first step to the last."""
    side_by_side = Slots(decoding.search(len(asked), longest), decoding.beams, after)
    for name, one in enumerate(asked):
        side_by_side.join(name, one)
    told: dict[int, list[int]] = {}
    while side_by_side.slots:
        told |= side_by_side.step(range(len(side_by_side.slots)))
    return [told[name] for name in range(len(asked))]
