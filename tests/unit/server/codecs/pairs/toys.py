"""A vocabulary of ten words in the frame of BERT or of RoBERTa, for pairs."""

from __future__ import annotations

from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import RobertaProcessing, TemplateProcessing

from broker.messages import ModelCard

WORDS = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", ".", "one", "two", "three", "four", "five"]
CLS, SEP = 1, 2
SPECIALS = [("[CLS]", CLS), ("[SEP]", SEP)]
BERT = TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=SPECIALS)
ROBERTA = RobertaProcessing(("[SEP]", SEP), ("[CLS]", CLS), add_prefix_space=False)
BACKWARDS = TemplateProcessing(single="[CLS] $A", pair="[CLS] $B [SEP] $A", special_tokens=SPECIALS)


def toy(processor: Any = BERT) -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = processor
    return tokenizer


def files(processor: Any = BERT) -> dict[str, bytes]:
    return {"tokenizer.json": str(toy(processor).to_str()).encode()}


def card(task: str, **changes: Any) -> ModelCard:
    fields: dict[str, Any] = {"name": "pairs", "task": task, "codec": task, "revision": "1", "max_cost": 12}
    return ModelCard(**{**fields, "options": {"token_types": True}, **changes})
