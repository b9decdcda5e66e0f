"""Pixel terms as Numba functions: the dtype of numbers, odds, and what cannot be printed."""

from __future__ import annotations

import pytest

sp = pytest.importorskip("sympy", reason="the compiler needs SymPy")

from unifocal.compiler.numba import emit_numba  # noqa: E402
from unifocal.compiler.printers import UnsupportedOperationError, native_printer  # noqa: E402
from unifocal.compiler.trace import LOG_P, T, log_odds  # noqa: E402
from unifocal_spec import LOSSES  # noqa: E402


@pytest.mark.parametrize("expression", [sp.sin(LOG_P), LOG_P ** sp.Rational(3, 2)], ids=str)
def test_what_numba_cannot_do_is_refused(expression):
    with pytest.raises(UnsupportedOperationError, match="numba"):
        native_printer("numba").doprint(expression)


def test_numbers_have_the_dtype_of_arithmetic():
    """A number of Python's would widen float32."""
    numbers = []

    def real(x):
        numbers.append(x)
        return x

    printed = native_printer("numba").doprint((LOG_P + 1) ** 2 / T**2 * sp.Rational(3, 4) - 2)
    assert eval(printed, {"log_p": 2.0, "t": 3.0, "real": real}) == 0.75 - 2
    assert {abs(x) for x in numbers} >= {0.75, 1, 2}


def test_odds_of_the_probability_are_at_hand():
    printed = native_printer("numba").doprint(T * log_odds(LOG_P))
    assert eval(printed, {"log_p": -2.0, "t": 3.0, "odds": 0.25}) == -1.5


def test_every_loss_has_its_entry():
    text = emit_numba(LOSSES.values(), "a test")
    assert all(f"'{name}': " in text for name in LOSSES)
    assert "'dice': None" in text
    assert text.count("def asymmetric_focal_pixel(") == 1
