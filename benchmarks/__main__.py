"""`python -m benchmarks NAME`: every measurement by its name. Each module is imported only when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

# Name → the module whose `main(arguments)` does it, and what it says.
COMMANDS = {
    "load": ("load.command", "requests a second and latencies of a Jitney that runs: open or closed loop"),
    "report": ("tuning.report.command", "a sweep as pictures and tables; two of them compared"),
    "stress_test": ("stress.command", "one POST /translation every so often: how many are answered, how soon"),
    "sweep": ("tuning.sweep", "what every window and size brings, tried on a live server; limits are put back"),
    "tour": ("tuning.tour", "a sweep, a tuning and their reports in one go; starts everything itself"),
    "tune": ("tuning.tune.command", "window and batch size for an SLO, found on a live server, to paste or to apply"),
    "compare": ("compare.command", "one model without batching, with fixed, with adaptive: table and picture"),
    "ceiling": ("ceiling.command", "Jitney beside its limits: Starlette, one process, the broker, the model"),
    "spine": ("spine.command", "the whole path beside bare Starlette; starts everything itself, needs wrk"),
    "scale": ("scale.command", "1, 2, 4 front ends on one batcher, 1, 2, 4 batchers on one lane; needs wrk"),
    "cost": ("cost.command", "what a job costs by backlog, by payload and by records a request; needs wrk"),
    "batches": ("batches.command", "interactive requests in bursts beside batches; starts everything itself"),
    "crowd": ("stress.crowd", "many that connect at once: when each is answered first, and in which order"),
    "bodies": ("parts.bodies", "what large bodies cost the broker, inside their jobs and by reference"),
    "callers": ("parts.callers", "what keys cost the broker, and what turns bring beside a flood"),
    "cache": ("cache.command", "what answers given before bring, and what a cache and a history cost a request"),
    "additions": ("parts.additions", "a front end's processor time for a request, and what a cache and a history add"),
    "bare": ("spine.bare", "the server that spine compares with: Starlette and uvicorn, nothing behind them"),
    "translation": ("translation.comparison", "the translation engine beside HF generate and CTranslate2"),
    "protected": ("parts.protected", "how often placeholders, tags and terms come back, and what that costs"),
    "weights": ("translation.weights", "the random M2M100 checkpoints that translation is measured with"),
    "encoders": ("encoders.dtypes", "sentence embeddings in fp32, bf16 and int8 beside transformers"),
    "clustering": ("parts.clustering", "clusters by how many records there are: the grouping, or the whole call"),
    "one_by_one": ("encoders.one_by_one", "pictures, pairs and labels in batches, beside transformers one by one"),
    "packing": ("encoders.packing", "forward groups beside batches that were sorted by length beforehand"),
    "predictions": ("batches.predictions", "what a prediction costs beside a call that waits; its front end killed"),
    "languages": ("languages.command", "how often the language of a short text is told right, and how soon"),
    "pictures": ("parts.pictures", "what a front end spends on a picture: decoding, resizing"),
}
USAGE = "\n".join(
    [
        "usage: python -m benchmarks NAME [option ...]     (python -m benchmarks NAME --help lists the options)\n",
        *(f"  {name:<13}{summary}" for name, (_, summary) in COMMANDS.items()),
    ]
)


def main(arguments: Sequence[str]) -> int:
    """The exit status of the measurement; 2 for a name that is none."""
    name, *rest = arguments or ["--help"]
    if name in ("-h", "--help"):
        print(USAGE)
        return 0
    if name not in COMMANDS:
        nearest = "".join(f"; did you mean {found}?" for found in get_close_matches(name, COMMANDS, n=1, cutoff=0.4))
        print(f"python -m benchmarks: no measurement is called {name!r}{nearest}\n\n{USAGE}", file=sys.stderr)
        return 2
    try:
        return int(import_module(f"benchmarks.{COMMANDS[name][0]}").main(rest))
    except KeyboardInterrupt:
        return 130  # whatever was started has been ended on the way here


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
