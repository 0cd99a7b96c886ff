"""What a front end counts: plain numbers that the event loop alone writes, and `collector.py` reads when it is asked.

prometheus-client's own take a lock and several microseconds for each of the dozen observations of a request.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from broker.common.numbers.histogram import Histogram
from server.http.timing import Stages

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds
STAGES = ("queue", "window", "compute", "return")
MOST_CALLERS = 100  # that have series of their own
OTHERS = "other"
OF_CALLERS = ("not_allowed", "rate_limited", "contended")  # reasons that are counted for each caller
Labels = tuple[str, ...]


def _counts() -> dict[Labels, int]:
    return defaultdict(int)


def _histograms() -> dict[Labels, Histogram]:
    return defaultdict(lambda: Histogram(BUCKETS))


@dataclass(slots=True)
class Metrics:
    """The numbers, by their labels."""

    requests: dict[Labels, int] = field(default_factory=_counts)  # route, method, status
    durations: dict[Labels, Histogram] = field(default_factory=_histograms)  # route
    stages: dict[Labels, Histogram] = field(default_factory=_histograms)  # model, stage
    rejected: dict[Labels, int] = field(default_factory=_counts)  # reason: a problem code
    unserved: dict[Labels, int] = field(default_factory=_counts)  # model: one that is known
    caller_rejected: dict[Labels, int] = field(default_factory=_counts)  # caller: an id, never a key; reason
    answered_records: dict[Labels, int] = field(default_factory=_counts)  # model, revision
    failed_records: dict[Labels, int] = field(default_factory=_counts)  # model, code
    unknown_tokens: dict[Labels, int] = field(default_factory=_counts)  # model
    streamed_records: dict[Labels, int] = field(default_factory=_counts)  # model
    truncated_records: dict[Labels, int] = field(default_factory=_counts)  # model
    degenerate_records: dict[Labels, int] = field(default_factory=_counts)  # model
    predictions: dict[Labels, int] = field(default_factory=_counts)  # what became of them
    batches: dict[Labels, int] = field(default_factory=_counts)  # what became of them
    batch_lines: dict[Labels, int] = field(default_factory=_counts)  # what became of them
    webhooks: dict[Labels, int] = field(default_factory=_counts)  # what became of tries
    by_revision: dict[Labels, int] = field(default_factory=_counts)  # model, revision, code: ok, or a problem's
    revision_durations: dict[Labels, Histogram] = field(default_factory=_histograms)  # model, revision
    groupings: dict[Labels, Histogram] = field(default_factory=_histograms)  # model
    grouped_records: dict[Labels, int] = field(default_factory=_counts)  # model
    groups: dict[Labels, int] = field(default_factory=_counts)  # model
    low_thresholds: dict[Labels, int] = field(default_factory=_counts)  # model
    _callers: set[str] = field(default_factory=set)  # that have series
    _of_model: dict[str, list[Histogram]] = field(default_factory=dict)  # those of its stages, in their order

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request is over."""
        self.requests[route, method, str(status)] += 1
        self.durations[(route,)].observe(seconds)

    def refused(self, code: str) -> None:
        """One request ended in a problem."""
        self.rejected[(code,)] += 1

    def missed(self, model: str) -> None:
        """One request, or one try of a prediction, found no batcher of this model; empty: that was not why it ended."""
        if model:
            self.unserved[(model,)] += 1

    def refused_caller(self, caller: str, code: str) -> None:
        """The same, of a caller who is known. Their number is no client's to choose: anonymous ones are one."""
        if code in OF_CALLERS:
            self.caller_rejected[self._label(caller.partition("@")[0]), code] += 1

    def _label(self, caller: str) -> str:
        if caller not in self._callers:
            if len(self._callers) == MOST_CALLERS:
                return OTHERS
            self._callers.add(caller)
        return caller

    def computed(self, model: str, stages: Stages) -> None:
        """One request came back from the batchers."""
        if model not in self._of_model:
            self._of_model[model] = [self.stages[model, stage] for stage in STAGES]
        queue, window, compute, back = self._of_model[model]
        queue.observe(stages.queue)
        window.observe(stages.window)
        compute.observe(stages.compute)
        back.observe(stages.back)

    def answered_by(self, model: str, revision: str, code: str, seconds: float) -> None:
        """One request is over whose model has shares of traffic."""
        self.by_revision[model, revision, code] += 1
        self.revision_durations[model, revision].observe(seconds)

    def grouped(self, model: str, records: int, groups: int | None, seconds: float) -> None:
        """So many records were grouped; None: they were not, for their threshold is too low."""
        self.groupings[(model,)].observe(seconds)
        if groups is None:
            self.low_thresholds[(model,)] += 1
        else:
            self.grouped_records[(model,)] += records
            self.groups[(model,)] += groups
