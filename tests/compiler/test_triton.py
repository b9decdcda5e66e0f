"""Pixel terms as Triton functions: what becomes a coefficient, and what cannot be printed."""

from __future__ import annotations

import pytest

sp = pytest.importorskip("sympy", reason="the compiler needs SymPy")

from unifocal.compiler.printers import UnsupportedOperationError, native_printer  # noqa: E402
from unifocal.compiler.trace import LOG_P, LOG_Q, T  # noqa: E402
from unifocal.compiler.triton import Coefficients, emit_triton  # noqa: E402
from unifocal_spec import LOSSES, ClassWeight, Loss, Number  # noqa: E402

ALPHA, DELTA, GAMMA, RARE = sp.symbols("alpha delta gamma rare", real=True)
K1 = sp.Symbol("k1", real=True)
CHOICE = sp.Piecewise((LOG_P, RARE), (T, True))


@pytest.mark.parametrize(("expression", "wanted", "coefficients"), [
    (ALPHA * LOG_P, K1 * LOG_P, [ALPHA]),
    (-2 * ALPHA * LOG_P + ALPHA * T, -2 * K1 * LOG_P + K1 * T, [ALPHA]),
    (GAMMA * LOG_P - 1, K1 * LOG_P - 1, [GAMMA]),
    (sp.exp(GAMMA**2 * LOG_Q) * T, sp.exp(K1 * LOG_Q) * T, [GAMMA**2]),
    (LOG_P + ALPHA + DELTA, LOG_P + K1, [ALPHA + DELTA]),
    (-LOG_P * T, -LOG_P * T, []),
    (CHOICE, CHOICE.subs(RARE, sp.Ne(K1, 0)), [RARE]),
], ids=str)  # fmt: skip
def test_what_holds_hyperparameters_alone_is_a_coefficient(expression, wanted, coefficients):
    found = Coefficients()
    assert found.extract(expression) == wanted
    assert list(found.symbols) == coefficients


def test_a_difference_from_one_is_one_coefficient():
    found = Coefficients()
    assert found.extract((1 - DELTA) * LOG_P) in (K1 * LOG_P, -K1 * LOG_P)
    assert list(found.symbols) in ([1 - DELTA], [DELTA - 1])
    found.extract((DELTA - 1) * T)
    assert len(found.symbols) == 1


@pytest.mark.parametrize("expression", [sp.sin(LOG_P), LOG_P ** sp.Rational(3, 2), T**K1], ids=str)
def test_what_triton_cannot_do_is_refused(expression):
    with pytest.raises(UnsupportedOperationError, match="triton"):
        native_printer("triton").doprint(expression)


def test_powers_are_products():
    printed = native_printer("triton").doprint((LOG_P + 1) ** 2 / T**2)
    assert eval(printed, {"log_p": 2.0, "t": 3.0}) == 1.0


def quartic(xp, log_p, log_q, t, *, alpha, beta):
    return -alpha * (1 - beta) * t * log_p * log_q * log_q


def test_a_loss_of_ones_own_is_printed():
    loss = Loss("quartic", "A test.", "formula", pixel=quartic, hyperparameters={
        "alpha": ClassWeight(0.5, "a weight"), "beta": Number(0.5, "a number"),
    })  # fmt: skip
    text = emit_triton([loss], "a test")
    assert "def quartic(log_p, log_q, t, k):" in text
    assert "def quartic_coefficients(*, alpha: float, beta: float) -> tuple[float, ...]:" in text


def test_every_loss_has_its_entry():
    text = emit_triton(LOSSES.values(), "a test")
    assert all(f"'{name}': " in text for name in LOSSES)
    assert "'dice': None" in text
