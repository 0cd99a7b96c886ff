"""How good the committed weights are, measured again: python -m demo.evaluate."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from demo.classification_evaluation import evaluate_classification
from demo.translation_evaluation import PER_DIRECTION, evaluate_translation

FOLDER = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.evaluate", description=__doc__)
    parser.add_argument("--only", choices=("translation", "classification"), help="measure one model (default: both)")
    parser.add_argument("--beams", type=int, default=1, help="beams of the translation search (default: 1, greedy)")
    parser.add_argument("--per-direction", type=int, default=PER_DIRECTION, help="held-out sentences a direction")
    arguments = parser.parse_args()
    figures: dict[str, object] = {}
    if arguments.only != "classification":
        figures["translation"] = evaluate_translation(FOLDER / "translation", arguments.beams, arguments.per_direction)
    if arguments.only != "translation":
        figures["classification"] = evaluate_classification(FOLDER / "classification")
    print(json.dumps(figures, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
