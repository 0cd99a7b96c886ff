"""One POST /translation every so often, whether or not the last one came back: how many are answered, and how soon?

    python benchmarks/serving/stress_test.py --pay-size 16 --num-req 100 --sleep 0.1
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

TEXT = "Life is like a box of chocolates."


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send, and how often."""

    url: str
    pay_size: int  # records in each request
    num_req: int  # requests
    sleep: float  # seconds from one request to the next
    timeout: float  # seconds that one request may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """How one request went. `took` counts from when it was due, so a late client does not flatter the server."""

    number: int
    outcome: str  # the status, or what stood in its way
    took: float  # seconds
    answered: bool


async def run(plan: Plan, client: httpx2.AsyncClient) -> list[Call]:
    """Every call of the plan, in the order they were sent."""
    start = time.perf_counter()
    calls = []
    async with asyncio.TaskGroup() as group:
        for number in range(plan.num_req):
            due = start + number * plan.sleep
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            calls.append(group.create_task(send(plan, client, number, due)))
    return [call.result() for call in calls]


async def send(plan: Plan, client: httpx2.AsyncClient, number: int, due: float) -> Call:
    """One request and what became of it. An error is a result here, not an end."""
    answered = False
    try:
        async with asyncio.timeout(plan.timeout):
            response = await client.post(plan.url + "/translation", json=body(plan.pay_size))
        answered = response.status_code == 200 and is_whole(response.json(), plan.pay_size)
        outcome = str(response.status_code) if answered or response.status_code != 200 else "200, records missing"
    except TimeoutError:
        outcome = f"no answer within {plan.timeout:g} s"
    except (httpx2.HTTPError, ValueError) as error:
        outcome = type(error).__name__
    return Call(number=number, outcome=outcome, took=time.perf_counter() - due, answered=answered)


def body(pay_size: int) -> dict[str, Any]:
    """The envelope with `pay_size` records."""
    records = [{"id": str(number), "text": TEXT} for number in range(pay_size)]
    return {"payload": {"fromLang": "en", "toLang": "ja", "records": records}}


def is_whole(answer: Any, pay_size: int) -> bool:
    """Does this answer hold a text for every record?"""
    result = answer.get("result") if isinstance(answer, dict) else None
    return isinstance(result, list) and len(result) == pay_size and all("text" in record for record in result)


def report(calls: Sequence[Call]) -> str:
    """A line for each request, then what went wrong how often, then the closing line."""
    lines = [f"request {call.number + 1:>5}   {call.took:7.3f} s   {call.outcome}" for call in calls]
    failures = Counter(call.outcome for call in calls if not call.answered)
    lines += [f"{count} × {outcome}" for outcome, count in failures.most_common()]
    return "\n".join([*lines, closing_line(calls)])


def closing_line(calls: Sequence[Call]) -> str:
    """Rounded down: 100 % means every one."""
    took = [call.took for call in calls if call.answered]
    line = f"{100 * len(took) // len(calls)} % of {len(calls)} requests answered"
    if took:
        line += f", mean {sum(took) / len(took):.2f} s, min {min(took):.2f} s, max {max(took):.2f} s"
    return line


def read_plan(arguments: Sequence[str] | None = None) -> Plan:
    """The plan that the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pay-size", type=at_least(1), default=1, help="records in each request [default: 1]")
    parser.add_argument("--num-req", type=at_least(1), default=100, help="requests to send [default: 100]")
    parser.add_argument("--sleep", type=at_least(0.0), default=0.5, help="seconds between two requests [default: 0.5]")
    parser.add_argument("--url", default="http://127.0.0.1:9527", help="the front end [default: %(default)s]")
    parser.add_argument("--timeout", type=at_least(0.1), default=60.0, help="seconds for one request [default: 60]")
    return Plan(**vars(parser.parse_args(arguments)))


def at_least(least: float) -> Callable[[str], float]:
    """A reader of numbers of the same kind as `least` that refuses smaller ones."""
    kind = type(least)

    def read(text: str) -> float:
        if (number := kind(text)) < least:
            raise argparse.ArgumentTypeError(f"at least {least}, please")
        return number

    read.__name__ = kind.__name__  # argparse names it when the text is no number at all
    return read


async def main(plan: Plan) -> int:
    """0 when every request was answered."""
    # No limit on connections: a client that waits for a free one would send less just when the server is slow.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
    async with httpx2.AsyncClient(limits=limits, timeout=plan.timeout, trust_env=False) as client:
        calls = await run(plan, client)
    print(report(calls))
    return 0 if all(call.answered for call in calls) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(read_plan())))
