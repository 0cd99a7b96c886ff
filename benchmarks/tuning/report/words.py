"""A recommendation in sentences. Pure."""

from __future__ import annotations

from benchmarks.tuning.records import Choice, Fit, Recommendation
from benchmarks.tuning.report.frontier import name
from broker.messages import Limits


def sentences(found: Recommendation) -> list[str]:
    """What to set, what it carries, where it ends, the second best, what a batch costs."""
    slo = f"{found.slo_p99 * 1000:g} ms"
    return [
        f"{found.verdict[:1].upper()}{found.verdict[1:].rstrip('.')}.",
        f"Best: {_carries(found.best)} with a p99 within {slo}.",
        *([f"Runner-up: {_carries(found.runner_up)}."] if found.runner_up else []),
        *([f"A batch costs {cost(found.fit)}."] if found.fit else []),
    ]


def doubts(found: Recommendation) -> list[str]:
    """Why it is not to be trusted; none where it is."""
    return list(dict.fromkeys([*found.doubts, *found.best.doubts]))


def environment(limits: Limits) -> list[str]:
    """The lines to paste."""
    window = [f"JITNEY_MAX_WAIT={limits.max_wait:g}"] if limits.policy == "fixed" else []
    sizes = [f"JITNEY_MAX_BATCH_SIZE={limits.max_batch_size}", f"JITNEY_MAX_BATCH_TOKENS={limits.max_batch_tokens}"]
    return [f"JITNEY_POLICY={limits.policy}", *window, *sizes]


def cost(fit: Fit) -> str:
    """a + b · n, with its error."""
    tokens = f" + {fit.per_token * 1e6:.3g} µs · tokens" if fit.per_token else ""
    return f"{fit.fixed * 1000:.3g} ms + {fit.per_job * 1000:.3g} ms · jobs{tokens} (mean error {fit.error:.0%})"


def _carries(choice: Choice) -> str:
    fails = "" if choice.fails_at is None else f", and not {choice.fails_at:.4g}/s"
    predicted = "" if choice.predicted is None else f" (predicted: {choice.predicted:.4g}/s)"
    return f"{name(choice.limits)} carries {choice.rate:.4g}/s{fails}{predicted}"
