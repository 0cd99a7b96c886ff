"""What the measurements of encoders ask for."""

from __future__ import annotations

import pytest

from benchmarks.encoders import sentences


def test_a_model_must_be_named_where_none_is_installed(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sentences, "packaged_model", lambda: None)

    with pytest.raises(SystemExit):
        sentences.sentence_parser("encoders", None, rounds=1).parse_args([])

    assert "required: --model" in capsys.readouterr().err
