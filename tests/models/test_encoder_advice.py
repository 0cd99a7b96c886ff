"""Advice on the dtype: words from rates, and no more than words."""

from __future__ import annotations

import pytest
import torch

from batcher.models.layers.dtype_advice import advice, advise


@pytest.mark.parametrize(
    ("dtype", "bf16", "int8", "said"),
    [
        pytest.param("fp32", 1.2, 1.2, "", id="nothing is much faster"),
        pytest.param("fp32", 3.9, 6.0, "bf16 would be about 3.9 times as fast", id="the more exact comes first"),
        pytest.param("fp32", 1.0, 1.8, "int8 would be about 1.8 times as fast", id="only int8 gains"),
        pytest.param("bf16", 3.9, 6.0, "int8 would be about 1.5 times as fast", id="more to gain"),
        pytest.param("bf16", 3.9, 4.2, "", id="the choice stands"),
        pytest.param("bf16", 0.1, 1.8, "--dtype fp32", id="bf16 without instructions"),
        pytest.param("bf16", 1.0, 0.9, "gains nothing over fp32", id="bf16 by way of fp32"),
        pytest.param("int8", 1.0, 0.5, "--dtype fp32", id="int8 that is slower"),
        pytest.param("int8", 4.0, 2.0, "bf16 would be about 2.0 times as fast", id="bf16 beats int8"),
        pytest.param("int8", 1.0, 1.8, "", id="int8 where it pays"),
        pytest.param("fp16", 1.0, 1.8, "", id="what was not measured"),
    ],
)
def test_the_words_follow_the_rates(dtype: str, bf16: float, int8: float, said: str) -> None:
    words = advice(dtype, {"fp32": 1.0, "bf16": bf16, "int8": int8})

    assert said in words
    assert bool(said) == bool(words)


def test_every_dtype_is_measured_on_the_models_own_shape(capsys: pytest.CaptureFixture[str]) -> None:
    made: list[tuple[torch.Size, str]] = []

    def make(weight: torch.Tensor, bias: torch.Tensor, dtype: str):  # type: ignore[no-untyped-def]
        made.append((weight.shape, dtype))
        return lambda x: torch.nn.functional.linear(x, weight, bias)

    advise(24, 40, "fp32", make)

    assert made == [((40, 24), "fp32"), ((40, 24), "bf16"), ((40, 24), "int8")]
    assert "dtype measured" in capsys.readouterr().out
