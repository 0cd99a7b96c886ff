"""Which tokens would say an n-gram twice."""

from __future__ import annotations

import pytest

from batcher.models.translation.search.no_repeat import banned_tokens


@pytest.mark.parametrize(
    ("sequence", "size", "tokens"),
    [
        ([5, 6], 1, [5, 6]),
        ([5, 6, 5], 2, [6]),
        ([5, 6, 5, 7, 5], 2, [6, 7]),
        ([5, 5], 2, [5]),
        ([5, 6, 7, 5, 6], 3, [7]),
        ([5, 6, 7, 6, 5], 3, []),
        ([5, 6], 3, []),
        ([5], 3, []),
        ([5], 4, []),
    ],
)
def test_a_token_is_named_that_would_complete_an_n_gram_again(
    sequence: list[int], size: int, tokens: list[int]
) -> None:
    assert banned_tokens(sequence, size) == tokens
