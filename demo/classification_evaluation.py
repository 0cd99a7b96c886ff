"""How well the small classifier tells moods: on combinations it never saw, and on sentences no template produces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerBase

from demo.messages import SEED, Message, handwritten_messages, template_messages

BATCH = 64


def evaluate_classification(folder: Path) -> dict[str, object]:
    """Accuracy on unseen combinations of the templates, and on sentences no template produces."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    _, held_out = template_messages(SEED)
    written = handwritten_messages()
    labels = _labels(model, tokenizer, written)
    return {
        "held_out_messages": len(held_out),
        "held_out_accuracy": _accuracy(held_out, _labels(model, tokenizer, held_out)),
        "handwritten_messages": len(written),
        "handwritten_accuracy": _accuracy(written, labels),
        "handwritten_misses": [
            {"text": message.text, "label": label, "right": message.label}
            for message, label in zip(written, labels, strict=True)
            if label != message.label
        ],
    }


def _labels(model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[str]:
    found: list[str] = []
    for start in range(0, len(messages), BATCH):
        texts = [message.text for message in messages[start : start + BATCH]]
        with torch.inference_mode():
            logits = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits
        found += [model.config.id2label[int(i)] for i in logits.argmax(-1)]
    return found


def _accuracy(messages: Sequence[Message], labels: Sequence[str]) -> float:
    return round(sum(m.label == label for m, label in zip(messages, labels, strict=True)) / len(messages), 4)
