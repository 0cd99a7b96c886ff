"""How much of its batches the bulk lane has had: an eighth is its share once it has waited. Pure."""

from __future__ import annotations

from broker.messages import Claim, Lane, Limits

EIGHTH = 1 / 8  # of every batch is for bulk that has waited


def bulk_lead(before: float, claim: Claim, limits: Limits) -> float:
    """By how many batches bulk is ahead of its eighth after this claim: it has to sit out until that is made up for.

    In small batches one job is more than an eighth, and a long job may be the whole of any. Nobody is ahead where a
    batch had room to spare; and at the most seven batches are owed, however long bulk had all cards for itself.
    """
    if claim.closed_by not in ("size", "tokens", "bytes"):
        return 0.0
    bulk = [job for job in claim.jobs if job.lane is Lane.BULK]
    share = max(len(bulk) / limits.max_batch_size, sum(job.cost for job in bulk) / limits.max_batch_tokens)
    return min(max(0.0, before + share - EIGHTH), 1.0 - EIGHTH)
