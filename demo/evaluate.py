"""How good the committed weights are, measured again: python -m demo.evaluate."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import structlog

from demo.classification_evaluation import evaluate_classification
from demo.dtype_evaluation import evaluate_dtypes
from demo.image_classification_evaluation import evaluate_image_classification
from demo.translation_evaluation import PER_DIRECTION, evaluate_translation

FOLDER = Path(__file__).parent
MODELS = ("translation", "classification", "image_classification")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.evaluate", description=__doc__)
    parser.add_argument("--only", choices=MODELS, help="measure one model (default: all)")
    parser.add_argument("--beams", type=int, default=1, help="beams of the translation search (default: 1, greedy)")
    parser.add_argument("--per-direction", type=int, default=PER_DIRECTION, help="held-out sentences a direction")
    parser.add_argument(
        "--dtypes", help="what the in-flight engine says in each of these, as in fp32,bf16,int8, instead of all else"
    )
    arguments = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # figures alone on stdout
    print(json.dumps(_figures(arguments), ensure_ascii=False, indent=1))


def _figures(arguments: argparse.Namespace) -> dict[str, object]:
    folder = FOLDER / "translation"
    if arguments.dtypes:
        return evaluate_dtypes(folder, arguments.dtypes.split(","), arguments.beams, arguments.per_direction)
    measured = {
        "translation": lambda: evaluate_translation(folder, arguments.beams, arguments.per_direction),
        "classification": lambda: evaluate_classification(FOLDER / "classification"),
        "image_classification": lambda: evaluate_image_classification(FOLDER / "image_classification"),
    }
    return {name: measured[name]() for name in MODELS if arguments.only in (None, name)}


if __name__ == "__main__":
    main()
