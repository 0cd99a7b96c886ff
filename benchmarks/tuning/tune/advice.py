"""What tune found, in words and as lines to paste. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.lib.markdown import table
from benchmarks.tuning.grid import shown
from benchmarks.tuning.records import Choice, Fit, Recommendation
from benchmarks.tuning.tune.candidates import are_alike
from broker.messages import Limits


def verdict(best: Choice, runner_up: Choice | None, current: Limits) -> str:
    """One sentence: what to do, and what one loses by the second best."""
    limits = best.limits
    if are_alike(limits, current):
        do = f"leave {shown(limits)}: nothing that was tried is better by more than noise"
    elif limits.max_batch_size == 1:
        do = f"set batch 1 ({shown(limits)}): batching does not pay for this model under this SLO"
    else:
        do = f"set {shown(limits)}"
    return do if runner_up is None else f"{do}; the runner-up is {shown(runner_up.limits)}, {_loss(best, runner_up)}"


def _loss(best: Choice, other: Choice) -> str:
    if best.p99 is not None and other.p99 is not None:
        return f"with a p99 of {other.p99:.0f} ms instead of {best.p99:.0f}"
    lost = 1 - other.rate / best.rate if best.rate else 0.0
    return f"by which one loses {lost:.0%}" if lost > 0 else "which does as well"


def environment(limits: Limits) -> list[str]:
    """As `jitney up` and the batcher read them."""
    return [f"{name}={value}" for name, value in _named(limits)]


def flags(limits: Limits) -> str:
    """Of `python -m batcher`."""
    named = ((name.removeprefix("JITNEY_").lower().replace("_", "-"), value) for name, value in _named(limits))
    return " ".join(f"--{name} {value}" for name, value in named)


def config_map(limits: Limits) -> list[str]:
    """For the `data` of the batcher's ConfigMap."""
    return [f'  {name}: "{value}"' for name, value in _named(limits)]


def _named(limits: Limits) -> list[tuple[str, str]]:
    window = [("JITNEY_MAX_WAIT", f"{limits.max_wait:g}")] if limits.policy == "fixed" else []
    usual = limits.max_batch_tokens == Limits().max_batch_tokens
    tokens = [] if usual else [("JITNEY_MAX_BATCH_TOKENS", str(limits.max_batch_tokens))]
    return [("JITNEY_POLICY", limits.policy), *window, ("JITNEY_MAX_BATCH_SIZE", str(limits.max_batch_size)), *tokens]


def in_words(found: Recommendation, choices: Sequence[Choice]) -> Iterable[str]:
    """All of it, for a terminal or a Markdown file."""
    yield from table("setting|predicted requests/s|measured|doubts", map(_row, choices))
    yield ""
    if found.fit:
        yield f"A batch costs {cost(found.fit)}."
    yield f"{found.verdict[:1].upper()}{found.verdict[1:]}."
    yield carried(found)
    if found.doubts:
        yield "NOT TO BE TRUSTED: " + "; ".join(found.doubts) + "."
    yield from ["", "Environment:", *environment(found.best.limits)]
    yield from ["", "Flags:", flags(found.best.limits)]
    yield from ["", "ConfigMap:", *config_map(found.best.limits)]


def carried(found: Recommendation) -> str:
    """What the best setting carries, and how sure that is."""
    best = found.best
    held = f"It carries {best.rate:.1f} requests/s with a p99 within {found.slo_p99 * 1000:g} ms"
    fails = f"; {best.fails_at:.1f} did not hold" if best.fails_at else ""
    confirmed = f"; confirmed by {found.confirmed} of 3 longer stretches" if found.confirmed is not None else ""
    return f"{held}{fails}{confirmed}."


def cost(fit: Fit) -> str:
    """a + b · n, in words."""
    job = fit.per_job + fit.per_token * fit.tokens
    tokens = f" of {fit.tokens:.0f} tokens" if fit.tokens else ""
    return (
        f"{fit.fixed * 1000:.2f} ms + {job * 1000:.3f} ms a job{tokens} (mean error {fit.error:.0%}); "
        f"all else of a lone request {fit.overhead * 1000:.1f} ms"
    )


def _row(choice: Choice) -> list[str]:
    predicted = "-" if choice.predicted is None else f"{choice.predicted:.1f}"
    return [shown(choice.limits), predicted, _measured(choice), "; ".join(choice.doubts)]


def _measured(choice: Choice) -> str:
    if choice.p99 is not None:
        return f"p99 {choice.p99:.0f} ms"
    if not choice.rate:
        return f"below {choice.fails_at:.1f}" if choice.fails_at else "none"
    return f"{choice.rate:.1f}" + (f" to {choice.fails_at:.1f}" if choice.fails_at else " or more")
