"""Where a fault would lose jobs, or answer wrongly: what is mutated, by subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SUBJECTS: Mapping[str, Sequence[str]] = {
    "window": ["batcher/policy/window.py"],
    "packing": ["batcher/policy/packing.py", "batcher/policy/budget.py", "batcher/policy/pass_cost.py"],
    "admission": [
        "batcher/policy/batching.py",
        "server/requests/admission.py",
        "server/requests/breaker.py",
        "server/requests/refusals.py",
    ],
    "capacity": ["server/fleet/capacity.py", "server/fleet/weighted_choice.py", "server/fleet/shares.py"],
    "wire": ["broker/wire.py", "broker/header.py", "broker/body.py", "broker/fields.py"],
    "pending requests": [
        "server/requests/pending.py",
        "server/requests/request.py",
        "server/requests/reencoding.py",
    ],
    "writer": ["server/requests/writer.py"],
    "deadline": ["server/http/deadline.py"],
    "leases": ["batcher/serving/leases.py", "batcher/serving/batch.py", "batcher/serving/publisher.py"],
    "claims": ["batcher/serving/claims.py", "batcher/policy/bulk_share.py"],
    "bisection": ["batcher/engines/bisection.py", "batcher/engines/batch.py", "batcher/engines/failures.py"],
}

# Mutants that no test can tell from the original: (file, line as it stands, line as mutated) → why.
EQUIVALENT: Mapping[tuple[str, str, str], str] = {
    (
        "batcher/policy/budget.py",
        "self._calm = 0  # batches since something did not fit",
        "self._calm = 1  # batches since something did not fit",
    ): "what does not fit sets it, and before that it is not read",
    (
        "batcher/policy/budget.py",
        "self._calm = 0  # batches since something did not fit",
        "pass  # batches since something did not fit",
    ): "the same",
    (
        "batcher/policy/packing.py",
        "tokens = 0",
        "tokens = 1",
    ): "the first job opens a group whatever it is, and sets it",
    (
        "batcher/policy/packing.py",
        "return max(lengths, default=0) * len(lengths)",
        "return max(lengths, default=1) * len(lengths)",
    ): "times no rows it is nothing",
    (
        "batcher/policy/packing.py",
        "cheapest = [0]  # cheapest[end]: of the first `end` rows, whose last group starts at starts[end]",
        "cheapest = [1]  # cheapest[end]: of the first `end` rows, whose last group starts at starts[end]",
    ): "all costs grow by it alike",
    (
        "batcher/policy/packing.py",
        "starts = [0]",
        "starts = [1]",
    ): "the walk back ends at 0 and does not read it",
    (
        "batcher/policy/pass_cost.py",
        "if self._line.weight >= ENOUGH:",
        "if self._line.weight > ENOUGH:",
    ): "a sum of powers of 0.99, which is never 8",
    (
        "batcher/policy/pass_cost.py",
        "if line.variance < (SPREAD * line.mean_x) ** 2 or not line.mean_y:",
        "if line.variance <= (SPREAD * line.mean_x) ** 2 or not line.mean_y:",
    ): "the two are sums that meet by chance alone",
    (
        "server/fleet/capacity.py",
        "if rest <= 0.0:",
        "if rest < 0.0:",
    ): "no job fits into nothing; and where a job costs nothing the rest is less than nothing",
    (
        "server/requests/reencoding.py",
        "for record, plan in zip(withdrawn, plans, strict=True):",
        "for record, plan in zip(withdrawn, plans, strict=False):",
    ): "there is a plan for each input: it says so, and checks it",
    (
        "server/fleet/weighted_choice.py",
        "return by_room(revisions, turn * GOLDEN % 1.0)",
        "return by_room(revisions, turn / GOLDEN % 1.0)",
    ): "of the golden ratio: its inverse is itself and one",
}
