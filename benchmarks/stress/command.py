"""One POST /translation every so often, whether or not the last one came back: how many are answered, and how soon?

    python -m benchmarks stress_test --pay-size 16 --num-req 100 --sleep 0.1
    python -m benchmarks stress_test --table                # six rows of the server that Jitney replaces, beside ours
    python -m benchmarks stress_test --table --model demo   # the same with the demo translation, on this machine

The table starts everything itself (three minutes), or is put to the server that --url names.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.lib import machine
from benchmarks.lib.arguments import above, at_least, parser
from benchmarks.lib.envelope import TEXT, envelope
from benchmarks.lib.loops import Answer, Call, Sender
from benchmarks.lib.stack import NotReady, open_stack
from benchmarks.lib.summary import ANSWERED
from benchmarks.stress import table as stress_table
from broker.errors import BrokerUnavailable

HEADERS = {"Content-Type": "application/json"}
URL = "http://127.0.0.1:9527"
LANGUAGES = ("en", "ja")
ITS_CARD = stress_table.ITS_CARD
# Of the table's own stack: what is served, where to post, and options of its batcher.
MODELS = {
    "synthetic": (ITS_CARD.spec, "/models/synthetic", "--max-batch-size", str(ITS_CARD.largest)),
    "demo": ("translation:demo/translation", "/models/demo"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send, and how often."""

    url: str
    pay_size: int  # records in each request
    num_req: int  # requests
    sleep: float  # seconds from one request to the next
    timeout: float  # seconds that one request may take
    path: str = "/translation"


async def run(plan: Plan, client: httpx2.AsyncClient) -> list[Call]:
    """Every call of the plan, in the order in which they were due."""
    body = envelope([TEXT] * plan.pay_size, LANGUAGES)

    async def send(number: int, seconds: float) -> Answer:
        """One request and what became of it. An error is a result here, not an end."""
        try:
            async with asyncio.timeout(seconds):
                response = await client.post(plan.url + plan.path, content=body, headers=HEADERS)
            if response.status_code == 200 and not is_whole(response.json(), plan.pay_size):
                return Answer("200, records missing")
        except TimeoutError:
            return Answer(f"no answer within {plan.timeout:g} s")
        except (httpx2.HTTPError, ValueError) as error:
            return Answer(type(error).__name__)
        return Answer(str(response.status_code))

    sender = Sender(send=send, timeout=plan.timeout)
    await sender.open((number * plan.sleep for number in range(plan.num_req)), max_in_flight=plan.num_req)
    return sorted(sender.calls, key=lambda call: call.due)


def is_whole(answer: Any, pay_size: int) -> bool:
    """Does this answer hold a text for every record?"""
    result = answer.get("result") if isinstance(answer, dict) else None
    return isinstance(result, list) and len(result) == pay_size and all("text" in record for record in result)


def report(calls: Sequence[Call]) -> str:
    """A line for each request, then what went wrong how often, then the closing line."""
    lines = [f"request {number:>5}   {call.took:7.3f} s   {call.outcome}" for number, call in enumerate(calls, 1)]
    failures = Counter(call.outcome for call in calls if call.outcome != ANSWERED)
    lines += [f"{count} × {outcome}" for outcome, count in failures.most_common()]
    return "\n".join([*lines, closing_line(calls)])


def closing_line(calls: Sequence[Call]) -> str:
    """Rounded down: 100 % means every one."""
    took = [call.took for call in calls if call.outcome == ANSWERED]
    line = f"{100 * len(took) // len(calls)} % of {len(calls)} requests answered"
    if took:
        line += f", mean {sum(took) / len(took):.2f} s, min {min(took):.2f} s, max {max(took):.2f} s"
    return line


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for."""
    command = parser("stress_test", __doc__)
    add = command.add_argument
    add("--pay-size", type=above(0), default=1, help="records in each request [default: 1]")
    add("--num-req", type=above(0), default=100, help="requests to send [default: 100]")
    add("--sleep", type=at_least(0.0), default=0.5, help="seconds between two requests [default: 0.5]")
    add("--url", help=f"the front end [default: {URL}; of --table: one of its own]")
    add("--timeout", type=at_least(0.1), default=60.0, help="seconds for one request [default: 60]")
    add("--table", action="store_true", help="the original's six rows; --pay-size, --num-req and --sleep are theirs")
    add(
        "--model",
        choices=sorted(MODELS),
        default="synthetic",
        help="of --table's own stack: what the original's card cost, or the demo translation [default: synthetic]",
    )
    add("--json", type=Path, metavar="FILE", help="write every call there, by row: due, sent, ended, outcome")
    return command.parse_args(arguments)


def read_plan(asked: argparse.Namespace) -> Plan:
    """The plan of one row."""
    return Plan(
        url=asked.url or URL,
        pay_size=asked.pay_size,
        num_req=asked.num_req,
        sleep=asked.sleep,
        timeout=asked.timeout,
    )


async def measure(plan: Plan) -> list[Call]:
    """The same with a client of our own."""
    # No limit on connections: a client that waits for a free one would send less just when the server is slow.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
    async with httpx2.AsyncClient(limits=limits, timeout=plan.timeout, trust_env=False) as client:
        return await run(plan, client)


def measure_table(url: str, path: str, timeout: float) -> list[stress_table.Measured]:
    """The six rows, one after the other."""
    measured: list[stress_table.Measured] = []
    for number, row in enumerate(stress_table.ROWS, 1):
        print(f"row {number} of {len(stress_table.ROWS)}: {row.records} record(s), {row.sleep:g} s", file=sys.stderr)
        plan = Plan(
            url=url,
            path=path,
            pay_size=row.records,
            num_req=stress_table.REQUESTS,
            sleep=row.sleep,
            timeout=timeout,
        )
        measured.append((row, asyncio.run(measure(plan))))
    return measured


def measure_own_stack(model: str, timeout: float) -> list[stress_table.Measured]:
    """The table of a Jitney of our own. Raises `NotReady`, `BrokerUnavailable`."""
    spec, path, *options = MODELS[model]
    with open_stack() as stack:
        front_end = stack.start_front_end()
        stack.start_batcher(model, spec, *options)
        stack.wait_until_it_answers(front_end, model, LANGUAGES)
        return measure_table(front_end.url, path, timeout)


def main(arguments: Sequence[str]) -> int:
    """0 when every request was answered."""
    asked = read_arguments(arguments)
    if asked.table:
        return _show_table(asked)
    calls = asyncio.run(measure(plan := read_plan(asked)))
    print(report(calls))
    _keep(asked.json, [({"records": plan.pay_size, "sleep": plan.sleep}, calls)])
    return 0 if all(call.outcome == ANSWERED for call in calls) else 1


def _show_table(asked: argparse.Namespace) -> int:
    try:
        if asked.url is None:
            measured = measure_own_stack(asked.model, asked.timeout)
        else:
            measured = measure_table(asked.url, "/translation", asked.timeout)
    except (NotReady, BrokerUnavailable) as error:
        print(f"python -m benchmarks stress_test: {error}", file=sys.stderr)
        return 1
    card = ITS_CARD if asked.url is None and asked.model == "synthetic" else None
    print("\n".join(stress_table.markdown(measured, card)))
    _keep(asked.json, [({"records": row.records, "sleep": row.sleep}, calls) for row, calls in measured])
    return 0 if stress_table.are_all_answered(measured) else 1


def _keep(file: Path | None, rows: Sequence[tuple[Mapping[str, float], Sequence[Call]]]) -> None:
    if file is None:
        return
    names = ("due", "sent", "ended", "outcome")
    kept = [{**row, "calls": [{name: getattr(call, name) for name in names} for call in calls]} for row, calls in rows]
    file.write_text(json.dumps({"machine": machine.describe(), "rows": kept}, indent=1) + "\n")
