"""A layer in bytes, every row with a scale of its own."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import linear

from batcher.models.layers import int8
from batcher.models.layers.int8 import pack_int8

WIDTH = 64


def layer(seed: int = 0, outputs: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    made = torch.Generator().manual_seed(seed)
    return torch.randn(outputs, WIDTH, generator=made), torch.randn(outputs, generator=made)


def rows(count: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed))


def error(got: torch.Tensor, right: torch.Tensor) -> float:
    """Of each row, relative to its length; that of the worst."""
    return float(((got - right).norm(dim=-1) / right.norm(dim=-1)).max())


def test_it_is_the_product_within_a_byte() -> None:
    weight, bias = layer()
    x = rows(20)

    assert error(pack_int8(weight, bias)(x), linear(x, weight, bias)) < 0.02


def test_a_row_a_thousand_times_larger_takes_nothing_from_the_others() -> None:
    weight, bias = layer()
    x = torch.cat([rows(3), 1000 * rows(1, seed=2)])

    got = pack_int8(weight, bias)(x)

    assert error(got[:3], linear(x[:3], weight, bias)) < 0.02


def test_a_row_may_lie_on_one_side_of_zero() -> None:
    weight, bias = layer()
    x = rows(5).relu() - 0.17  # as GELU leaves it

    assert error(pack_int8(weight, bias)(x), linear(x, weight, bias)) < 0.02


def test_a_row_of_equal_numbers_is_computed_as_well() -> None:
    weight, bias = layer()
    x = torch.stack([torch.zeros(WIDTH), torch.full((WIDTH,), -3.0)])

    got = pack_int8(weight, bias)(x)

    assert torch.allclose(got[0], bias, atol=1e-5)
    assert error(got, linear(x, weight, bias)) < 0.02


def test_the_largest_numbers_on_both_sides_do_not_overflow() -> None:
    weight = torch.ones(16, WIDTH)
    x = torch.ones(2, WIDTH)
    x[:, 0] = 0.0  # a range from 0 to 1: all others are the largest byte, times the largest weight

    assert torch.allclose(pack_int8(weight, None)(x), linear(x, weight), rtol=1e-3)


# range · (1 / range) missed 1 by an ulp in some rows, and the scale of all followed the largest such miss.
@pytest.mark.parametrize("seed", range(40))
def test_a_row_in_any_company_is_bit_for_bit_what_it_is_alone(seed: int) -> None:
    made = torch.Generator().manual_seed(seed)
    compute = pack_int8(*layer(seed))
    x = torch.randn(9, WIDTH, generator=made) * 10 ** (8 * torch.rand(9, 1, generator=made) - 4)
    x += 3 * torch.randn(9, 1, generator=made)
    x[3], x[4], x[5], x[2] = 2.5, 0.0, x[5].relu(), x[2] * 1e-41 if seed % 2 else x[2]

    together = compute(x)

    assert all(torch.equal(compute(x[number : number + 1])[0], together[number]) for number in range(9))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_row_that_is_no_number_takes_nothing_from_the_others(value: float) -> None:
    compute, x = pack_int8(*layer()), rows(4)
    alone = compute(x[:3])
    x[3, 5] = value

    got = compute(x)

    assert torch.equal(got[:3], alone)
    assert not bool(got[3].isfinite().any())


def test_a_layer_may_have_no_bias_and_its_rows_any_shape() -> None:
    weight, _ = layer()
    x = rows(12).view(3, 4, WIDTH)

    got = pack_int8(weight, None)(x)

    assert got.shape == (3, 4, 48)
    assert error(got, linear(x, weight)) < 0.02


@pytest.mark.parametrize(("vnni", "most"), [(True, 127), (False, 63)])
def test_weights_use_as_many_bits_as_the_processor_can_add(
    monkeypatch: pytest.MonkeyPatch, vnni: bool, most: int
) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_vnni": vnni})
    weight, _ = layer()

    packed, _ = int8._quantized(weight)

    kept, _ = torch.ops.quantized.linear_unpack(packed)
    assert int(kept.int_repr().abs().max()) == most
