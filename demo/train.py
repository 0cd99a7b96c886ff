"""One command trains the demo models from source and measures them: python -m demo.train."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from demo import classification_trainer, image_classification_trainer, translation_trainer
from demo.classification_evaluation import evaluate_classification
from demo.image_classification_evaluation import evaluate_image_classification
from demo.messages import SEED, template_messages
from demo.phrasebook import LANGUAGES, meanings, read_slots, read_templates, split_meanings
from demo.translation_evaluation import PER_DIRECTION, evaluate_translation

FOLDER = Path(__file__).parent
DESCRIPTIONS = {
    "translation": (
        "Demo model: a tiny M2M100 for English, Japanese, French, German, Spanish and Chinese. It translates the "
        "sentences of its phrasebook (greetings, travel, people, food, things, time) and little else."
    ),
    "classification": (
        "Demo model: a tiny BERT that calls short English customer messages positive, negative or neutral. It knows "
        "the words of its templates; irony, mixed feelings and other languages are beyond it."
    ),
    "image_classification": (
        "Demo model: a tiny ResNet that names the shape and the colour of one drawn figure on a plain ground: circle, "
        "cross, ring, square, star or triangle; blue, green, purple, red or yellow. It knows nothing else."
    ),
}
# What a batcher announces. It was trained on sentences: a text of more tokens than this is cut into them.
SERVED: dict[str, dict[str, object]] = {
    "translation": {
        "languages": list(LANGUAGES),
        "max_cost": 64,
        # Names it knows stand in for what is to come back as it is; it knows no codes, and would drop them.
        "markers": {language: [row[language] for row in read_slots()["name"].rows] for language in LANGUAGES},
    },
    "classification": {},
    "image_classification": {},
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.train", description=__doc__)
    parser.add_argument("--only", choices=tuple(DESCRIPTIONS), help="train one model (default: all)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the models go (default: beside this file)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of weights and order (default: {SEED})")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="default: up to 2")
    parser.add_argument("--steps", type=int, help="steps of each model, fewer for a quick look")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for name in (arguments.only,) if arguments.only else DESCRIPTIONS:
        started = time.monotonic()
        figures = TRAINED[name](arguments)
        figures["training_seconds"] = round(time.monotonic() - started)
        _record(arguments.out / "evaluation.json", name, figures)
        _say(f"{name} {json.dumps(figures, ensure_ascii=False)}")


def _translation(arguments: argparse.Namespace) -> dict[str, object]:
    recipe = translation_trainer.Recipe(seed=arguments.seed)
    if arguments.steps:
        recipe = replace(recipe, steps=arguments.steps)
    split = split_meanings(meanings(read_templates(), read_slots()))
    _say(f"phrasebook meanings={len(split.training) + len(split.held_out)} held_out={len(split.held_out)}")
    with _replacing(arguments.out / "translation") as folder:
        translation_trainer.train_translation(split, folder, recipe, _say)
        _describe(folder, "translation")
    return evaluate_translation(arguments.out / "translation", per_direction=1 if arguments.steps else PER_DIRECTION)


def _classification(arguments: argparse.Namespace) -> dict[str, object]:
    training, _ = template_messages(SEED)
    with _replacing(arguments.out / "classification") as folder:
        recipe = classification_trainer.Recipe(seed=arguments.seed)
        if arguments.steps:
            recipe, training = replace(recipe, epochs=1), training[: arguments.steps * recipe.batch_size]
        classification_trainer.train_classification(training, folder, recipe, _say)
        _describe(folder, "classification")
    return evaluate_classification(arguments.out / "classification")


def _image_classification(arguments: argparse.Namespace) -> dict[str, object]:
    with _replacing(arguments.out / "image_classification") as folder:
        recipe = image_classification_trainer.Recipe(seed=arguments.seed)
        if arguments.steps:
            recipe = replace(recipe, epochs=1, pictures=arguments.steps * recipe.batch_size)
        image_classification_trainer.train_image_classification(folder, recipe, _say)
        _describe(folder, "image_classification")
    return evaluate_image_classification(arguments.out / "image_classification")


TRAINED = {
    "translation": _translation,
    "classification": _classification,
    "image_classification": _image_classification,
}


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A new directory that takes the old one's place only when it is complete: a server may be reading the old."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        fresh = Path(scratch) / "new"
        fresh.mkdir()
        yield fresh
        for file in fresh.iterdir():
            file.chmod(0o644)  # a server in a container runs as somebody else
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        shutil.move(fresh, folder)


def _describe(folder: Path, name: str) -> None:
    (folder / "jitney.json").write_text(
        json.dumps({"description": DESCRIPTIONS[name], **SERVED[name]}, ensure_ascii=False, indent=1) + "\n",
        encoding="utf-8",
    )


def _record(path: Path, name: str, figures: dict[str, object]) -> None:
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(known | {name: figures}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
