"""The panels of the dashboard, row by row: what each asks Prometheus. `dashboard.py` makes Grafana's JSON of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Its expressions are written without the dashboard's variables; [r] is the interval of a rate."""

    title: str
    asks: Sequence[tuple[str, str]]  # expression, legend
    says: str = ""
    unit: str = "short"
    kind: str = "timeseries"  # or stat, heatmap
    stacked: bool = False
    most: float | None = None  # of the axis
    red: float | None = None  # of a number: from here on
    red_below: float | None = None  # of a number
    empty: str = ""  # when it has no data though all is well
    width: int = field(default=8)


def number(title: str, ask: str, **how: Any) -> Panel:
    return Panel(title=title, asks=[(ask, "")], kind="stat", **{"width": 3, **how})


def rate(metric: str, by: str = "") -> str:
    return f"sum{f' by ({by})' if by else ''} (rate({metric}[r]))"


def share(part: str, whole: str, by: str = "") -> str:
    return f"{rate(part, by)} / {rate(whole, by)}"


def mean(histogram: str, by: str) -> str:
    return share(f"{histogram}_sum", f"{histogram}_count", by)


def quantile(q: float, histogram: str, by: str = "") -> str:
    return f"histogram_quantile({q}, {rate(f'{histogram}_bucket', f'{by}, le' if by else 'le')})"


def quantiles(histogram: str) -> list[tuple[str, str]]:
    return [(quantile(q, histogram), f"p{q * 100:.0f}") for q in (0.5, 0.95, 0.99)]


def seen(metric: str, by: str, how: str = "sum") -> str:
    """What front ends tell alike of the broker, added up over what is not asked for."""
    return f"{how} by ({by}) (max by (namespace, model, revision, lane) ({metric}))"


def total(metric: str) -> str:
    return f"sum(max by (namespace, model, revision, lane) ({metric}))"


MODEL, LANE = "model, revision", "model, revision, lane"
DEGENERATE = "jitney_records_degenerate_total"
TRAFFIC, REVISION = "jitney_traffic_requests_total", "{{model}}@{{revision}}"
AS_STATUS = "As `jitney status` has it."

ROWS: Sequence[tuple[str, Sequence[Panel]]] = (
    (
        "Now",
        [
            number("Jobs waiting", total("jitney_queue_jobs"), says=AS_STATUS),
            number("Oldest job", "max(jitney_queue_oldest_age_seconds)", unit="s", red=10, says=AS_STATUS),
            number("Batchers", total("jitney_batchers"), red_below=1, says=AS_STATUS),
            number("Dead letters", total("jitney_dead_letters"), red=1, says=AS_STATUS),
            number(
                "Refused by limits",
                'sum(jitney_requests_rejected_total{reason="rate_limited"})',
                says="Since these front ends started. `jitney status` counts since a day without any.",
            ),
            number(
                "History's blocks",
                "max(jitney_history_blocks_waiting)",
                says=f"That wait for the writer. {AS_STATUS}",
                empty="where no history is kept",
            ),
            number("Broker up", "min(jitney_broker_up)", red_below=1, says="0: a front end does not reach it."),
            number("Requests waiting", "sum(jitney_requests_waiting)"),
        ],
    ),
    (
        "Requests",
        [
            Panel(
                title="Requests by status",
                asks=[(rate("jitney_http_requests_total", "status"), "{{status}}")],
                unit="reqps",
                stacked=True,
            ),
            Panel(title="Latency", asks=quantiles("jitney_http_request_duration_seconds"), unit="s"),
            Panel(
                title="Where the time goes",
                says="Mean of each stage, of requests that were computed.",
                asks=[(mean("jitney_request_stage_duration_seconds", "stage"), "{{stage}}")],
                unit="s",
                stacked=True,
            ),
            Panel(
                title="Requests by address",
                asks=[(rate("jitney_http_requests_total", "route"), "{{route}}")],
                unit="reqps",
            ),
            Panel(
                title="Refusals by reason",
                asks=[(f"{rate('jitney_requests_rejected_total', 'reason')} > 0", "{{reason}}")],
                unit="reqps",
                empty="while nothing is refused",
            ),
            Panel(
                title="Refusals by caller",
                asks=[(rate("jitney_caller_requests_rejected_total", "caller, reason"), "{{caller}} {{reason}}")],
                unit="reqps",
                empty="while nobody is refused, or no keys are asked for",
            ),
        ],
    ),
    (
        "Queues and batchers",
        [
            Panel(
                title="Jobs waiting",
                asks=[(seen("jitney_queue_jobs", LANE), "{{model}}@{{revision}} {{lane}}")],
                stacked=True,
            ),
            Panel(
                title="Oldest job",
                asks=[(seen("jitney_queue_oldest_age_seconds", "model, lane", "max"), "{{model}} {{lane}}")],
                unit="s",
            ),
            Panel(title="Batchers", asks=[(seen("jitney_batchers", MODEL), "{{model}}@{{revision}}")]),
            Panel(
                title="Busy share of a batcher",
                asks=[("avg by (model) (rate(jitney_batcher_busy_seconds_total[r]))", "{{model}}")],
                unit="percentunit",
                most=1,
            ),
            Panel(
                title="In batches, suspects, dead letters",
                asks=[
                    (seen("jitney_claimed_jobs", MODEL), "{{model}}@{{revision}} claimed"),
                    (seen("jitney_suspect_jobs", MODEL), "{{model}}@{{revision}} suspects"),
                    (seen("jitney_dead_letters", MODEL), "{{model}}@{{revision}} dead"),
                ],
            ),
            Panel(
                title="p99 against its bound",
                asks=[
                    ("max by (model) (jitney_slo_p99_seconds)", "{{model}}"),
                    ("max by (model) (jitney_slo_bound_seconds)", "{{model}} bound"),
                ],
                unit="s",
                empty="without --slo-p99",
            ),
        ],
    ),
    (
        "Batches",
        [
            Panel(
                title="Jobs in a batch",
                asks=[("sum by (le) (increase(jitney_batch_size_bucket[r]))", "{{le}}")],
                kind="heatmap",
            ),
            Panel(
                title="What closed them",
                says="The knob to turn: docs/metrics.md.",
                asks=[(rate("jitney_batches_total", "closed_by"), "{{closed_by}}")],
                unit="ops",
                stacked=True,
            ),
            Panel(title="In the engine", asks=quantiles("jitney_batch_compute_seconds"), unit="s"),
            Panel(title="Waiting for company", asks=quantiles("jitney_batch_wait_seconds"), unit="s"),
            Panel(
                title="Tokens",
                asks=[
                    (rate("jitney_tokens_total", "model"), "{{model}}"),
                    (rate("jitney_padded_tokens_total", "model"), "{{model}}, with padding"),
                ],
            ),
            Panel(
                title="Jobs computed together",
                asks=[(share("jitney_row_seconds_total", "jitney_batcher_busy_seconds_total", "model"), "{{model}}")],
            ),
        ],
    ),
    (
        "Answers",
        [
            Panel(
                title="Records answered by revision",
                asks=[(rate("jitney_records_answered_total", MODEL), "{{model}}@{{revision}}")],
                unit="ops",
                stacked=True,
            ),
            Panel(
                title="Records that failed",
                asks=[(rate("jitney_records_failed_total", "model, code"), "{{model}} {{code}}")],
                unit="ops",
                empty="while none has failed",
            ),
            Panel(
                title="Degenerate share",
                asks=[(share(DEGENERATE, "jitney_records_answered_total", "model"), "{{model}}")],
                unit="percentunit",
            ),
        ],
    ),
    (
        "Shares of traffic",
        [
            Panel(
                title="Requests by revision",
                says="Of models that have shares (`jitney traffic`).",
                asks=[
                    (rate(TRAFFIC, MODEL), REVISION),
                    (rate("jitney_traffic_overflows_total", MODEL), f"{REVISION} had no room"),
                ],
                unit="reqps",
                empty="without shares",
            ),
            Panel(
                title="Error share by revision",
                asks=[(share(f'{TRAFFIC}{{code!="ok"}}', TRAFFIC, MODEL), REVISION)],
                unit="percentunit",
                empty="without shares, and while none has failed",
            ),
            Panel(
                title="p99 by revision",
                asks=[(quantile(0.99, "jitney_traffic_request_duration_seconds", MODEL), REVISION)],
                unit="s",
                empty="without shares",
            ),
        ],
    ),
    (
        "Cache",
        [
            Panel(
                title="Records by what the cache had",
                asks=[(rate("jitney_cache_records_total", "result"), "{{result}}")],
                unit="ops",
                stacked=True,
                empty="without a cache",
            ),
            Panel(
                title="Kept in front ends",
                asks=[("sum(jitney_cache_bytes)", "bytes")],
                unit="bytes",
                empty="without a cache",
            ),
            Panel(
                title="The cache's server",
                asks=[
                    (rate("jitney_cache_server_looks_total", "result"), "{{result}}"),
                    (rate("jitney_cache_server_lost_total", "reason"), "lost: {{reason}}"),
                ],
                unit="ops",
                empty="without --cache-url",
            ),
        ],
    ),
    (
        "History",
        [
            Panel(
                title="Rows brought to the broker, and lost",
                asks=[(rate("jitney_history_rows_total", "fate, reason"), "{{fate}} {{reason}}")],
                unit="ops",
                empty="where no history is kept",
            ),
            Panel(
                title="Waiting",
                asks=[
                    ("sum(jitney_history_rows_waiting)", "rows at front ends"),
                    ("max(jitney_history_blocks_waiting)", "blocks at the broker"),
                ],
                empty="where no history is kept",
            ),
            Panel(
                title="Its writer",
                asks=[
                    ("sum(rate(jitney_history_writer_rows_written_total[r]))", "rows written a second"),
                    ("sum(rate(jitney_history_writer_rows_refused_total[r]))", "rows it cannot store"),
                    ("sum(rate(jitney_history_writer_blocks_unread_total[r]))", "blocks it cannot read"),
                    ("max(jitney_history_writer_lag_seconds)", "seconds behind"),
                ],
                empty="where no history is kept",
            ),
        ],
    ),
    (
        "Broker and front ends",
        [
            Panel(
                title="The broker's memory",
                asks=[
                    ("max by (namespace) (jitney_broker_memory_bytes)", "in use"),
                    ("max by (namespace) (jitney_broker_memory_limit_bytes)", "maxmemory"),
                ],
                unit="bytes",
            ),
            Panel(
                title="Bytes in hand",
                asks=[("sum by (instance) (jitney_bytes_in_hand)", "{{instance}}")],
                unit="bytes",
            ),
            Panel(
                title="Predictions, batches of files, webhooks",
                asks=[
                    (rate("jitney_predictions_total", "state"), "predictions {{state}}"),
                    (rate("jitney_file_batches_total", "status"), "batches {{status}}"),
                    (rate("jitney_webhooks_total", "fate"), "webhooks {{fate}}"),
                ],
                unit="ops",
                empty="while there is none",
            ),
        ],
    ),
)
