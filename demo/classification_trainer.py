"""How the small classifier learns to tell the mood of a customer's message."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from demo.messages import LABELS, Message

SPECIALS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
LONGEST = 128  # tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything a training run depends on, besides the messages."""

    seed: int = 9527
    epochs: int = 4
    batch_size: int = 64
    peak_rate: float = 1e-3
    width: int = 128
    heads: int = 4
    layers: int = 2
    inner: int = 256
    dropout: float = 0.1
    word_dropout: float = 0.1  # words hidden while training, so that no single one decides


def train_classification(training: Sequence[Message], folder: Path, recipe: Recipe, say: Callable[[str], None]) -> None:
    """Train from nothing and write a complete model directory."""
    torch.manual_seed(recipe.seed)
    tokenizer = _tokenizer([message.text for message in training])
    model = BertForSequenceClassification(_configuration(recipe, len(tokenizer)))
    say(f"classification model parameters={model.num_parameters()} vocabulary={len(tokenizer)}")
    _fit(model, tokenizer, training, recipe, say)
    _save_tokenizer(tokenizer, folder)
    model.half().save_pretrained(folder)


def _tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    wordpiece = Tokenizer(models.WordPiece(unk_token=SPECIALS["unk_token"]))
    wordpiece.normalizer = normalizers.BertNormalizer(lowercase=True)
    wordpiece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    wordpiece.decoder = decoders.WordPiece()
    alphabet = [chr(code) for code in range(0x21, 0x7F)]
    wordpiece.train_from_iterator(
        texts,
        trainers.WordPieceTrainer(
            vocab_size=2500, special_tokens=list(SPECIALS.values()), initial_alphabet=alphabet, show_progress=False
        ),
    )
    marks = [(mark, wordpiece.token_to_id(mark)) for mark in (SPECIALS["cls_token"], SPECIALS["sep_token"])]
    wordpiece.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=marks
    )
    return PreTrainedTokenizerFast(tokenizer_object=wordpiece, model_max_length=LONGEST, **SPECIALS)


def _save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Under the class name that transformers 4 knows, too."""
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    path.write_text(path.read_text().replace('"TokenizersBackend"', '"PreTrainedTokenizerFast"'))


def _configuration(recipe: Recipe, vocabulary: int) -> BertConfig:
    return BertConfig(
        vocab_size=vocabulary,
        hidden_size=recipe.width,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        intermediate_size=recipe.inner,
        hidden_dropout_prob=recipe.dropout,
        attention_probs_dropout_prob=0.0,
        max_position_embeddings=LONGEST,
        pad_token_id=0,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )


def _fit(
    model: BertForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    training: Sequence[Message],
    recipe: Recipe,
    say: Callable[[str], None],
) -> None:
    model.train()
    chance = random.Random(recipe.seed)
    steps = recipe.epochs * -(-len(training) // recipe.batch_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.peak_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.peak_rate, total_steps=steps, pct_start=0.1)
    started = time.monotonic()
    for step, messages in enumerate(_epochs(training, recipe, chance), start=1):
        inputs = tokenizer([message.text for message in messages], padding=True, return_tensors="pt")
        hidden = torch.rand(inputs["input_ids"].shape) < recipe.word_dropout
        usual = inputs["input_ids"] >= len(SPECIALS)
        inputs["input_ids"][hidden & usual] = tokenizer.unk_token_id
        labels = torch.tensor([LABELS.index(message.label) for message in messages])
        loss = torch.nn.functional.cross_entropy(model(**inputs).logits, labels, label_smoothing=0.05)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 200 == 0:
            say(f"classification step={step}/{steps} loss={loss.item():.4f} elapsed={time.monotonic() - started:.0f}s")
    model.eval()


def _epochs(training: Sequence[Message], recipe: Recipe, chance: random.Random) -> Iterator[Sequence[Message]]:
    for _ in range(recipe.epochs):
        order = chance.sample(training, len(training))
        yield from (order[i : i + recipe.batch_size] for i in range(0, len(order), recipe.batch_size))
