"""Every operation of the contract, printed for every backend and run, value and gradient."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import numpy as np
import pytest

sp = pytest.importorskip("sympy", reason="the compiler needs SymPy")

import unifocal  # noqa: E402
from tests.compiler import coverage  # noqa: E402
from tests.differences import value_and_grad  # noqa: E402
from tests.parity.bounds import assert_gradient, assert_value  # noqa: E402
from tests.precision import EAGER, float64  # noqa: E402
from unifocal.certificate.backends import Backend  # noqa: E402
from unifocal.compiler.emit import BACKENDS, emit_backend  # noqa: E402
from unifocal.compiler.printers import UnsupportedOperationError, native_printer  # noqa: E402
from unifocal.compiler.trace import DerivativeError, log_odds  # noqa: E402
from unifocal_spec import Loss  # noqa: E402
from unifocal_spec.contract import ELEMENTWISE  # noqa: E402

ON_EVERY_BACKEND = pytest.mark.parametrize("backend", EAGER, ids=lambda b: b.framework)
X = sp.Symbol("x", positive=True)
HYPER = {
    "coverage": [{}, {"beta": 0.5, "lam": 0.9, "rare": [0]}, {"alpha": [0.2, 1.0, 3.0]}],
    "elsewhere": [{}, {"beta": 2.0, "lam": 0.75}],
}
CALLS = [
    pytest.param(loss, hyper, id=f"{loss.name}-{i}")
    for loss in coverage.DEFINITIONS
    for i, hyper in enumerate(HYPER[loss.name])
]


def _arrays(soft: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    logits = rng.normal(scale=2.0, size=(2, 3, 4))
    if soft:
        target = rng.random((2, 3, 4))
        return logits, target / target.sum(axis=1, keepdims=True)
    return logits, rng.integers(0, 3, size=(2, 4))


def _hold_to_the_definition(backend: Backend, loss: Loss, soft: bool, **keywords: Any) -> None:
    logits, target = _arrays(soft)
    wanted = value_and_grad(loss, logits, target, **keywords)
    with float64(backend):
        both = unifocal.value_and_grad(unifocal.compile(loss))
        arrays = backend.asarray(logits), backend.asarray(target)
        value, gradient = map(np.asarray, both(*arrays, **keywords))
    assert_value(value, wanted[0], logits.dtype)
    assert_gradient(gradient, wanted[1], logits.dtype)


def test_the_coverage_expression_covers_the_contract():
    tree = ast.parse(inspect.getsource(coverage))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "xp"
    }
    assert used == ELEMENTWISE


@ON_EVERY_BACKEND
@pytest.mark.parametrize("soft", [False, True], ids=["index", "soft"])
@pytest.mark.parametrize(("loss", "hyper"), CALLS)
def test_every_operation_runs_on_every_backend(backend, loss, hyper, soft):
    _hold_to_the_definition(backend, loss, soft, **hyper)


def exponential(xp, log_p, log_q, t, *, beta):
    return -t * log_p * xp.exp(-beta)


def sign_of_a_number(xp, log_p, log_q, t, *, beta):
    return -t * log_p * xp.sign(beta - 1)


def larger_number(xp, log_p, log_q, t, *, beta):
    return -t * log_p * xp.maximum(beta, 0.7)


def choice_by_a_number(xp, log_p, log_q, t, *, beta):
    return xp.where(beta > 1, -t * log_p, t * xp.square(log_p))


def every_function_of_a_number(xp, log_p, log_q, t, *, beta):
    unary = xp.cos(beta) + xp.sin(beta) + xp.cosh(beta) + xp.sinh(beta) + xp.expm1(beta)
    return -t * log_p * (unary + xp.log1p(beta) + xp.log(1 + beta) + xp.pow(2, beta))


@ON_EVERY_BACKEND
@pytest.mark.parametrize("beta", [0.3, 1.7])
@pytest.mark.parametrize(
    "pixel",
    [exponential, sign_of_a_number, larger_number, choice_by_a_number, every_function_of_a_number],
)
def test_expressions_of_hyperparameters_alone(backend, pixel, beta):
    number = unifocal.Number(1.0, "β")
    loss = Loss(pixel.__name__, "One.", "f", pixel=pixel, hyperparameters={"beta": number})
    _hold_to_the_definition(backend, loss, soft=False, beta=beta)


def kept_whole(xp, tp, fp, fn, smooth):
    return 1.0 / (tp + smooth) - xp.sign(fp) * fn


@pytest.mark.parametrize("name", BACKENDS)
def test_native_code_names_the_framework_and_nothing_of_sympy(name):
    source = emit_backend([Loss("kept", "One.", "f", region=kept_whole)], name, "a test")
    assert "sympy" not in source
    assert "select(" not in source
    ast.parse(source)


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize(
    "function", [sp.gamma(X), sp.erf(X), sp.atan(X), sp.floor(X), sp.Max(X, 1), sp.Integral(X, X)]
)
def test_an_unknown_operation_is_named(name, function):
    with pytest.raises(UnsupportedOperationError) as error:
        native_printer(name).doprint(1 + 2 * function)
    assert type(function).__name__ in str(error.value)
    assert name in str(error.value)


@pytest.mark.parametrize("name", BACKENDS)
def test_constants_that_are_no_fraction_are_refused(name):
    with pytest.raises(UnsupportedOperationError, match="Pi"):
        native_printer(name).doprint(sp.pi * X)


@pytest.mark.parametrize("name", BACKENDS)
def test_arithmetic_is_printed_as_operators(name):
    assert native_printer(name).doprint(X**2 / 3 + 1 / X) in (
        "0.3333333333333333*x ** 2 + 1 / x",
        "1 / x + 0.3333333333333333*x ** 2",
    )


@pytest.mark.parametrize("value", [0.1, 1 / 3, 4 / 3, 1e-300, 0.1 + 0.2])
def test_floats_come_out_as_they_went_in(value):
    printed = native_printer("numpy").doprint(sp.Rational(value) * X)
    assert float(printed.removesuffix("*x")) == value


def test_conditions_on_numbers_are_python_conditions():
    """`~` of a Python bool is an int that counts as true."""
    lam = sp.Symbol("lam", nonnegative=True)
    printed = native_printer("numpy", {"lam"}).doprint(sp.Not(sp.Symbol("lam") > lam**2))
    assert eval(printed, {"lam": 0.5}) in (True, False)
    negated = native_printer("numpy", {"flag"}).doprint(sp.Not(sp.Symbol("flag")))
    assert eval(negated, {"flag": True}) is False


@ON_EVERY_BACKEND
def test_log_odds_is_minus_one_at_a_perfect_pixel(backend):
    """r(0) = −1, and r → 0 far below: no 0/0 is chosen, and no overflow."""
    printed = native_printer(backend.framework).doprint(log_odds(sp.Symbol("x")))
    with float64(backend), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        x = backend.asarray(np.array([0.0, -1e4]))
        found = np.asarray(eval(printed, {"x": x, **_modules(backend)}))
    np.testing.assert_array_equal(np.abs(found), [1.0, 0.0])
    assert found[0] == -1.0


def _modules(backend: Backend) -> dict[str, Any]:
    """The imports of a generated module."""
    names: dict[str, Any] = {}
    exec(BACKENDS[backend.framework].imports, names)
    return names


def certain(xp, log_p, log_q, t):
    return -(1 - t) * log_q


def test_an_unbounded_derivative_is_refused_by_the_compiler():
    """d/dℓ log(1 − p) = −p/(1 − p) has no bound where p → 1."""
    loss = Loss("certain", "One sentence.", "formula", pixel=certain)
    with pytest.raises(DerivativeError, match="unbounded"):
        emit_backend([loss], "numpy", "a test")
