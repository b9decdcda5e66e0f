"""Definitions at the edge of what a user may write."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sympy", reason="compiling a definition needs SymPy")

import unifocal as uf
import unifocal_spec
from tests import differences
from tests.front.arrays import calls, native
from tests.parity.bounds import assert_gradient, assert_value
from unifocal import ClassWeight, Loss, Number

FLOAT64 = np.dtype("float64")


def _hold(backend, definition: Loss, soft: bool = False, **keywords) -> None:
    arrays = calls(soft=soft)
    value = unifocal_spec.evaluate(definition, np, **arrays, **keywords)
    _, gradient = differences.value_and_grad(definition, **arrays, **keywords)
    found = uf.value_and_grad(uf.compile(definition))(**native(backend, arrays), **keywords)
    assert_value(found[0], value, FLOAT64)
    assert_gradient(np.asarray(found[1]), gradient, FLOAT64)


def _loss(part, **hyperparameters) -> Loss:
    return Loss(part.__name__, "One sentence.", "f", pixel=part, hyperparameters=hyperparameters)


def other_names(np, lp, lq, y, *, a):
    """Inputs may have any name: they are given by position."""
    return -a * y * lp


def quoted(xp, log_p, log_q, t):
    r"""In a docstring \delta is no escape, and a quotation may end it: 'p' and "t" """
    return -t * log_p


def numbered(xp, log_p, log_q, t, *, x0, x1):
    """Hyperparameters called as the compiler calls its common subexpressions."""
    return -(x0 + x1) * t * log_p * xp.exp(log_q * 2) * xp.exp((x0 + x1) * log_p)


def helped(xp, log_p, log_q, t):
    """A definition may be put together from functions."""
    return other_names(xp, log_p, log_q, t, a=2) + quoted(xp, log_p, log_q, t)


def constant(xp, log_p, log_q, t):
    """No derivative at all, and nothing of the logits in the value."""
    return xp.square(t)


def per_class(xp, log_p, log_q, t, *, omega):
    return -omega * t * log_p


@pytest.mark.parametrize("soft", [False, True], ids=["index", "soft"])
@pytest.mark.parametrize(
    "definition",
    [
        _loss(other_names, a=Number(1.5, "a")),
        _loss(quoted),
        _loss(numbered, x0=Number(0.5, "x0"), x1=Number(1.5, "x1")),
        _loss(helped),
        _loss(per_class, omega=ClassWeight((0.5, 1.0, 2.0), "ω")),
    ],
    ids=lambda loss: loss.name,
)
def test_unusual_definitions(backend, definition, soft):
    _hold(backend, definition, soft)


@pytest.mark.parametrize("soft", [False, True], ids=["index", "soft"])
def test_a_term_without_logits_has_its_value_and_no_gradient(backend, soft):
    arrays = calls(soft=soft)
    wanted = unifocal_spec.evaluate(_loss(constant), np, **arrays)
    found = uf.value_and_grad(uf.compile(_loss(constant)))(**native(backend, arrays))
    assert_value(found[0], wanted, FLOAT64)
    assert not np.asarray(found[1]).any()


@pytest.mark.parametrize("text", ['Says "no".', "Back\\slash.", '"""', "Two\nlines."])
def test_any_text_describes_a_loss(backend, text):
    definition = Loss("described", text, text, pixel=helped)
    _hold(backend, definition)


@pytest.mark.parametrize("z", [30.0, 100.0, 1e4])
@pytest.mark.parametrize("label", [0, 1])
def test_saturated_logits(backend, z, label):
    """A user's term is as safe as the package's: finite, and right to the last digits."""
    definition = _loss(per_class, omega=ClassWeight(None, "ω"))
    arrays = {"logits": np.array([[0.0, z]]), "target": np.array([label])}
    value, gradient = differences.value_and_grad(definition, **arrays)
    found = uf.value_and_grad(uf.compile(definition))(**native(backend, arrays))
    np.testing.assert_allclose(float(found[0]), value, rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(np.asarray(found[1]), gradient, rtol=1e-12, atol=1e-300)
