"""Bulk has an eighth of what is computed, however small the batches are and however long its jobs."""

from __future__ import annotations

import pytest

from batcher.policy.bulk_share import bulk_lead
from broker.messages import Claim, Job, Lane, Limits


def claim_of(*jobs: Job, closed_by: str = "size") -> Claim:
    return Claim(batch="b", jobs=jobs, left=9, closed_by=closed_by)


def bulk(cost: int = 1) -> Job:
    return Job(id="1", front_end="f", input="x", lane=Lane.BULK, cost=cost)


@pytest.mark.parametrize(
    ("size", "cost", "one_in"),
    [
        pytest.param(64, 1, 1, id="an eighth at most: every batch"),
        pytest.param(4, 1, 2, id="a quarter of a batch: every other one"),
        pytest.param(1, 1, 8, id="all of it: one in eight"),
        pytest.param(64, 50, 4, id="by its tokens half of it: one in four"),
        pytest.param(64, 900, 8, id="more than a batch's tokens: one in eight"),
    ],
)
def test_bulk_that_had_more_than_an_eighth_of_a_batch_sits_out_until_that_is_made_up_for(
    size: int, cost: int, one_in: int
) -> None:
    limits, lead, rode = Limits(max_batch_size=size, max_batch_tokens=100), 0.0, 0

    for _ in range(64):
        rode += lead <= 0.0
        lead = bulk_lead(lead, claim_of(*([bulk(cost)] if lead <= 0.0 else [])), limits)

    assert rode == 64 // one_in


def test_where_a_batch_had_room_to_spare_nobody_is_ahead() -> None:
    assert bulk_lead(0.5, claim_of(bulk(), closed_by="empty"), Limits(max_batch_size=2)) == 0.0
