"""The token budget: halved by what did not fit, grown back slowly."""

from __future__ import annotations

from batcher.policy.budget import CALM_BATCHES, STEPS, TokenBudget

ALLOWED = 3200
STEP = ALLOWED // STEPS


def calm(budget: TokenBudget, batches: int) -> TokenBudget:
    for _ in range(batches):
        budget.did_fit(ALLOWED)
    return budget


def test_it_is_what_the_operator_allows_until_something_does_not_fit() -> None:
    assert TokenBudget().within(ALLOWED) == ALLOWED


def test_what_did_not_fit_is_halved() -> None:
    budget = TokenBudget()

    budget.did_not_fit(1000)

    assert budget.within(ALLOWED) == 500


def test_it_never_falls_to_nothing() -> None:
    budget = TokenBudget()

    budget.did_not_fit(1)

    assert budget.within(ALLOWED) == 1


def test_it_grows_one_step_after_enough_calm_batches_and_not_before() -> None:
    budget = TokenBudget()
    budget.did_not_fit(1000)

    before = calm(budget, CALM_BATCHES - 1).within(ALLOWED)
    after = calm(budget, 1).within(ALLOWED)
    later = calm(budget, CALM_BATCHES - 1).within(ALLOWED)
    last = calm(budget, 1).within(ALLOWED)

    assert (before, after, later, last) == (500, 500 + STEP, 500 + STEP, 500 + 2 * STEP)


def test_a_small_one_grows_by_a_token() -> None:
    budget = TokenBudget()
    budget.did_not_fit(4)

    for _ in range(CALM_BATCHES):
        budget.did_fit(STEPS - 1)

    assert budget.within(STEPS - 1) == 3


def test_a_failure_starts_the_calm_anew() -> None:
    budget = TokenBudget()
    budget.did_not_fit(1000)
    calm(budget, CALM_BATCHES - 1)

    budget.did_not_fit(1000)

    assert calm(budget, CALM_BATCHES - 1).within(ALLOWED) == 500


def test_it_grows_back_to_what_is_allowed_and_no_further() -> None:
    budget = TokenBudget()
    budget.did_not_fit(1000)

    calm(budget, CALM_BATCHES * (ALLOWED - 500) // STEP)

    assert budget.within(ALLOWED) == ALLOWED
    assert budget.within(2 * ALLOWED) == 2 * ALLOWED


def test_a_lower_limit_of_the_operator_binds_at_once() -> None:
    budget = TokenBudget()
    budget.did_not_fit(1000)

    assert budget.within(100) == 100
