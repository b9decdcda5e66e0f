"""Errors and ulp against numbers worked out by hand."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest

from unifocal.certificate.errors import (
    NOT_FINITE,
    Error,
    gradient_error,
    neighbours,
    spread,
    ulp,
    value_error,
)


@pytest.mark.parametrize(("x", "dtype", "wanted"), [
    (1.0, "float64", 2.0**-52),
    (1.0, "float32", 2.0**-23),
    (1.999, "float32", 2.0**-23),
    (-2.0, "float32", 2.0**-22),
    (0.9, "float32", 2.0**-24),
    (0.01, "float32", 2.0**-30),
    (1.0, "float16", 2.0**-10),
    (1.0, "bfloat16", 2.0**-7),
    (0.0, "float16", 2.0**-24),
    (1e-6, "float16", 2.0**-24),
    (1e-42, "float32", 2.0**-149),
    (1e-42, "bfloat16", 2.0**-133),
    (1e-310, "float64", 2.0**-1074),
])  # fmt: skip
def test_ulp(x: float, dtype: str, wanted: float) -> None:
    assert ulp(x, dtype) == wanted


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_ulp_is_the_spacing_that_numpy_knows(dtype: str) -> None:
    for x in (1.0, 0.7, 1234.5, 3e-5, 1e-7):
        assert ulp(x, dtype) == float(np.spacing(np.dtype(dtype).type(x)))


def test_the_error_of_a_value() -> None:
    third = Decimal(1) / Decimal(3)
    error = value_error(float(np.float32(1 / 3)), third, "float32")
    assert error.relative == pytest.approx(2**-25 / (1 + 2**-25), rel=1e-6)  # 1/3 = 0.0101…01|01…
    assert error.ulp == pytest.approx(1 / 3, rel=1e-6)


def test_small_values_have_an_absolute_error() -> None:
    assert value_error(0.0, Decimal("1e-8"), "float32") == Error(1e-6, 1e-8 / 2**-30)


def test_digits_beyond_float64_count() -> None:
    error = value_error(1.0, Decimal("1.00000000000000000001"), "float64")
    assert error.relative == pytest.approx(1e-20)


def test_the_error_of_a_gradient_is_that_of_its_worst_entry() -> None:
    wanted = np.array([[Decimal(2), Decimal("0.5")]], dtype=object)
    error = gradient_error(np.array([[2.0, 0.75]]), wanted, "float32", 0.0)
    assert error == Error(0.125, 0.25 / 2**-22)


def test_what_underflows_is_no_error() -> None:
    wanted = np.array([Decimal("1e-40"), Decimal("1e-13000")], dtype=object)
    assert gradient_error(np.zeros(2), wanted, "float32", 2.0**-126) == Error(0.0, 0.0)


def test_a_gradient_where_none_is_wanted() -> None:
    wanted = np.array([Decimal(0)], dtype=object)
    assert gradient_error(np.array([1.0]), wanted, "float32", 2.0**-126).relative == math.inf


@pytest.mark.parametrize("found", [math.nan, math.inf])
def test_what_is_not_finite_has_no_bound(found: float) -> None:
    assert value_error(found, Decimal(1), "float32") == NOT_FINITE
    wanted = np.array([Decimal(1)], dtype=object)
    assert gradient_error(np.array([found]), wanted, "float32", 0.0) == NOT_FINITE
    assert spread([np.array([found]), np.array([1.0])], 1.0) == math.inf


def test_spread_is_between_the_two_furthest_apart() -> None:
    found = [np.array([1.0, 5.0]), np.array([2.0, 5.0]), np.array([4.0, 4.5])]
    assert spread(found, 2.0) == 1.5
    assert spread([np.zeros(2), np.zeros(2)], 0.0) == 0.0


def test_neighbours_are_one_apart() -> None:
    one = np.float32(1)
    x = np.array([-one, np.nextafter(-one, one), 0.0, -0.0, 1e-45, one, np.nextafter(one, -one)])
    n = neighbours(x.astype(np.float32))
    assert n[1] - n[0] == n[5] - n[6] == 1
    assert n[2] == n[3] == n[4] == 0
    assert (np.sign(n) == [-1, -1, 0, 0, 0, 1, 1]).all()
