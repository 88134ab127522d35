"""The tables: correctly rounded, monotone, symmetric, pinned."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from cotrain.training import tables
from cotrain.training.algorithm import Algorithm
from cotrain.training.tables import exp_table, sigmoid_table, table_for

SIGMOID = sigmoid_table(12, 2048)
EXP = exp_table(4096)


def test_sigmoid_is_monotone_and_symmetric_about_minus_one_half() -> None:
    assert list(SIGMOID.values) == sorted(SIGMOID.values)
    assert all(SIGMOID.at(-1 - q) == 4096 - SIGMOID.at(q) for q in range(2048))
    assert (SIGMOID.at(-2048), SIGMOID.at(2048)) == (0, 4096)


def test_exp_is_monotone_from_one_to_zero() -> None:
    assert list(EXP.values) == sorted(EXP.values, reverse=True)
    assert (EXP.at(0), EXP.at(665), EXP.at(666)) == (16384, 1, 0)


@pytest.mark.parametrize("bits", [1, 5, 12, 14])
def test_every_sigmoid_entry_is_the_nearest_integer(bits: int) -> None:
    table = sigmoid_table(bits, 300)
    with localcontext() as context:
        context.prec = 60
        for q in range(-300, 301):
            exact = 2**bits / (1 + (Decimal(-(2 * q + 1)) / 128).exp())
            assert abs(exact - table.at(q)) < Decimal("0.5")


def test_every_exp_entry_is_the_nearest_integer() -> None:
    with localcontext() as context:
        context.prec = 60
        for t in range(4097):
            assert abs(2**14 * (Decimal(-t) / 64).exp() - EXP.at(t)) < Decimal("0.5")


def test_the_largest_tables_round_without_doubt() -> None:
    assert len(sigmoid_table(14, 1 << 16).values) == (1 << 17) + 1


def test_an_undecided_rounding_is_an_error_and_never_a_guess() -> None:
    one = tables._ONE
    assert tables._round_scaled(one // 2, one // 2 + 1, 1) == 1
    with pytest.raises(ArithmeticError, match="do not decide"):
        tables._round_scaled(one // 4 - 1, one // 4 + 1, 1)


def test_identity_is_pinned_and_depends_on_every_part() -> None:
    pinned = "e6b5c7f8fb45fd7cc5995aeae152f53cf06ff96a431e70723bf5739d38e343d3"
    assert SIGMOID.digest == pinned
    last = SIGMOID.values[-1]
    changed = tables.Table("sigmoid", 12, -2048, (*SIGMOID.values[:-1], last - 1))
    moved = tables.Table("sigmoid", 12, -2047, SIGMOID.values)
    other_bits = tables.Table("sigmoid", 11, -2048, SIGMOID.values)
    renamed = tables.Table("exp", 12, -2048, SIGMOID.values)
    digests = {table.digest for table in (SIGMOID, changed, moved, other_bits, renamed)}
    assert len(digests) == 5


def test_an_index_outside_the_table_is_refused() -> None:
    for index in (-2049, 2049):
        with pytest.raises(IndexError, match="outside the sigmoid table"):
            SIGMOID.at(index)


def test_each_kind_has_its_table() -> None:
    assert table_for(Algorithm(kind="logistic", features=1)) == SIGMOID
    assert table_for(Algorithm(kind="softmax", features=1, classes=2)) == EXP
    assert table_for(Algorithm(kind="linear", features=1)) is None
    assert SIGMOID.as_array().dtype == np.int32
