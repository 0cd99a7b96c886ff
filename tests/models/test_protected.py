"""What is protected in a text, by the demo model."""

from __future__ import annotations

from benchmarks.parts.protected import DEMO, measure, sentences


def test_every_part_comes_back_whole_and_some_by_the_model_itself() -> None:
    counts = measure(str(DEMO), sentences()[::7])

    assert [text for count in counts.values() for text in count.lost] == []
    assert sum(count.found for count in counts.values()) > sum(count.marked for count in counts.values()) / 4
