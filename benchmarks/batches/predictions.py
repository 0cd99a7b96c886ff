"""What a prediction costs beside a call that waits, and what a kill of its front end costs it.

    python -m benchmarks predictions --json predictions.json

Starts a Jitney of its own. Costs are taken in blocks of calls, both kinds in turns; kills come amid a prediction of
--records records, whose result is then fetched from another front end.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.batches import cost
from benchmarks.batches.contract import NotMeasured
from benchmarks.batches.cost_report import costs_as_table, kills_as_table
from benchmarks.batches.kill import Kill, kill_in_turn
from benchmarks.batches.works import LargePrediction
from benchmarks.lib import machine
from benchmarks.lib.arguments import above, at_least, parser
from benchmarks.lib.stack import NotReady, open_stack
from broker.errors import BrokerUnavailable


def main(arguments: Sequence[str]) -> int:
    """0 when everything could be measured, whatever the figures are."""
    asked = _read(arguments)
    try:
        costs, kills = _costs(asked), _kills(asked)
        if asked.json:
            found = {"costs": [asdict(one) for one in costs], "kills": [asdict(one) for one in kills]}
            asked.json.write_text(json.dumps({"machine": machine.describe(), **found}, indent=1) + "\n")
    except (NotReady, NotMeasured, BrokerUnavailable, OSError) as error:
        print(f"python -m benchmarks predictions: {error}", file=sys.stderr)
        return 1
    shown = [*costs_as_table(costs), "", *(kills_as_table(LargePrediction.title, kills) if kills else ())]
    print("\n".join([" · ".join(machine.describe().values()), "", *shown]))
    return 0


def _costs(asked: Namespace) -> list[cost.Cost]:
    cases = [replace(case, calls=max(1, case.calls // asked.shorter)) for case in cost.CASES]
    with open_stack() as stack:
        stack.start_batcher(cost.NAME, cost.SPEC)
        front_end = stack.start_front_end()
        stack.wait_until_it_answers(front_end, cost.NAME)
        return list(cost.measure(stack, front_end, cases, asked.rounds))


def _kills(asked: Namespace) -> list[Kill]:
    if not asked.kills:
        return []
    options = ["--max-records", str(asked.records), "--max-body-bytes", str(1 << 24)]
    with open_stack() as stack:
        return kill_in_turn(stack, LargePrediction(), asked.kills, asked.records, *options)


def _read(arguments: Sequence[str]) -> Namespace:
    command = parser("predictions", __doc__)
    add = command.add_argument
    add("--rounds", type=above(0), default=3, help="times that each cost is measured [default: 3]")
    add("--shorter", type=above(0), default=1, help="make blocks so many times shorter [default: 1]")
    add("--kills", type=at_least(0), default=2, help="front ends to kill [default: 2]")
    add("--records", type=above(1), default=10_000, help="of the prediction that is run meanwhile [default: 10000]")
    add("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return command.parse_args(arguments)
