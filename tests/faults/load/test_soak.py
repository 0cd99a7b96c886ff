"""A few seconds of what `make soak` does for minutes."""

from __future__ import annotations

import pytest

from tests.faults.soak import main


def test_a_soak_of_some_seconds_ends_well_and_says_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--minutes", "0.15", "--seed", "11"])

    said = capsys.readouterr()
    assert status == 0, said.err
    assert "pending futures of front ends          0.0       0.0" in said.out
