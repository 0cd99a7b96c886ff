"""How well the small image classifier tells shapes and colours, in sizes and places that it never saw."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import torch
from transformers import ResNetForImageClassification
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil

from demo.image_classification_trainer import crops, normalised
from demo.pictures import LABELS, drawings, picture

BATCH = 64
PICTURES = 3000  # a hundred of each label
SEED = 1  # another than the training's: backgrounds, angles and noise are new, too


def evaluate_image_classification(folder: Path) -> dict[str, object]:
    """Accuracy on pictures of which neither size nor place was trained; what is mistaken for what, the most frequent
    first."""
    processor = ConvNextImageProcessorPil.from_pretrained(folder)
    model = ResNetForImageClassification.from_pretrained(folder, dtype=torch.float32).eval()
    chance, drawn = random.Random(SEED), list(drawings(PICTURES, SEED, held_out=True))
    found = _labels(model, processor, crops(processor, (picture(drawing, chance) for drawing in drawn)))
    pairs = [(drawing.label, label) for drawing, label in zip(drawn, found, strict=True)]
    right = Counter(label for label, said in pairs if label == said)
    worst = min(LABELS, key=lambda label: right[label])
    return {
        "held_out_pictures": len(pairs),
        "held_out_accuracy": round(right.total() / len(pairs), 4),
        "worst_label": {"label": worst, "accuracy": round(right[worst] * len(LABELS) / len(pairs), 4)},
        "misses": [
            {"right": label, "label": said, "pictures": count}
            for (label, said), count in Counter(pair for pair in pairs if pair[0] != pair[1]).most_common(5)
        ],
    }


@torch.inference_mode()
def _labels(
    model: ResNetForImageClassification, processor: ConvNextImageProcessorPil, pixels: torch.Tensor
) -> list[str]:
    logits = [model(pixel_values=normalised(processor, batch)).logits for batch in pixels.split(BATCH)]
    return [model.config.id2label[int(number)] for number in torch.cat(logits).argmax(-1)]
