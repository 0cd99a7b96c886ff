"""Load for a Jitney that runs: how many requests it answers in a second, and how soon.

python -m benchmarks load --rate 200 --arrivals poisson --duration 30
python -m benchmarks load --concurrency 64
"""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.lib.http_client import fast_run
from benchmarks.lib.summary import Summary, summarise, text
from benchmarks.load import call_lines
from benchmarks.load.plan import Plan as Plan
from benchmarks.load.plan import read_plan as read_plan
from benchmarks.load.processes import send_from_several
from benchmarks.load.progress import Progress
from benchmarks.load.sending import Report, send_alone
from benchmarks.load.sending import Sent as Sent


async def measure(plan: Plan, report: Report | None = None) -> Summary:
    """What `send` comes to; raises what it raises."""
    return summarised(plan, await send(plan, report))


def summarised(plan: Plan, sent: Sent) -> Summary:
    """Of the calls of this plan."""
    return summarise(sent.calls, plan.warm_up, plan.duration, plan.slo, sent.busy)


async def send(plan: Plan, report: Report | None = None) -> Sent:
    """Run the plan, from as many processes as it says; `report` what came back, about every second.

    Raises `OSError` when nobody listens, `ChildProcessError` when a process died, `ValueError` for no URL of ours.
    """
    return await (send_alone if plan.processes == 1 else send_from_several)(plan, report)


def main(arguments: Sequence[str]) -> int:
    """0 when anything was answered."""
    plan, file = read_plan(arguments, __doc__)
    progress = Progress(whole=plan.seconds) if sys.stderr.isatty() else None
    try:
        sent = fast_run(send(plan, progress.add if progress else None))
    except ssl.SSLError as error:
        print(f"{plan.url}: {error}; SSL_CERT_FILE names certificates of your own", file=sys.stderr)
        return 1
    except ChildProcessError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"nothing listens at {plan.url} ({error}); start one: make serve, or jitney up", file=sys.stderr)
        return 1
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if progress:
        progress.wipe()
    summary = summarised(plan, sent)
    print(f"{plan.title}\n{plan.url}{plan.workload.path}, {plan.workload.a_request}\n{text(summary)}")
    try:
        _keep(plan, sent, summary, file)
    except OSError as error:
        print(f"what was measured could not be kept: {error}", file=sys.stderr)
        return 1
    return 0 if summary.answered else 1


def _keep(plan: Plan, sent: Sent, summary: Summary, file: Path | None) -> None:
    if plan.jsonl:
        call_lines.write(Path(plan.jsonl), sent.calls)
    if file:
        said = {**asdict(plan), "workload": plan.workload.in_words()}
        file.write_text(json.dumps({"plan": said, "summary": asdict(summary)}, indent=2) + "\n")
