"""Where a fault would lose jobs, or answer wrongly: what is mutated, by subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SUBJECTS: Mapping[str, Sequence[str]] = {
    "window": ["batcher/policy/window.py"],
    "packing": ["batcher/policy/packing.py", "batcher/policy/budget.py"],
    "admission": ["batcher/policy/batching.py", "server/requests/admission.py"],
    "capacity": ["server/fleet/capacity.py", "server/fleet/shares.py"],
    "wire": ["broker/wire.py", "broker/body.py", "broker/fields.py"],
    "pending requests": ["server/requests/pending.py", "server/requests/request.py"],
    "writer": ["server/requests/writer.py"],
    "deadline": ["server/http/deadline.py"],
    "leases": ["batcher/serving/leases.py", "batcher/serving/batch.py", "batcher/serving/publisher.py"],
    "claims": ["batcher/serving/claims.py", "batcher/policy/bulk_share.py"],
    "bisection": ["batcher/engines/bisection.py", "batcher/engines/batch.py"],
}

# Mutants that no test can tell from the original: (file, line as it stands, line as mutated) → why.
EQUIVALENT: Mapping[tuple[str, str, str], str] = {}
