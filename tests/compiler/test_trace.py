"""The closed-form gradients, against SymPy's derivative and against limits worked out by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest

sp = pytest.importorskip("sympy", reason="the compiler needs SymPy")

from unifocal import ClassWeight, Loss, Number  # noqa: E402
from unifocal.compiler import trace as t  # noqa: E402
from unifocal.namespaces import mpmath_namespace, sympy_namespace  # noqa: E402
from unifocal_numpy.losses import KERNELS  # noqa: E402
from unifocal_spec import LOSSES, ClassSet  # noqa: E402
from unifocal_spec.claims.claim import DEFINITIONS  # noqa: E402

DIGITS = 50
PARTS = [
    pytest.param(loss, kind, id=f"{loss.name}-{kind}")
    for loss in DEFINITIONS.values()
    for kind in loss.parts
]
PIXEL_LOSSES = [name for name, loss in LOSSES.items() if loss.pixel is not None]

# Numbers in general position; every hyperparameter lies in every loss's range.
POINTS: dict[str, list[dict[str, Any]]] = {
    "pixel": [
        {"log_p": sp.Rational(-1, 7), "t": 1},
        {"log_p": sp.Rational(-31, 10), "t": sp.Rational(2, 3)},
        {"log_p": sp.Rational(-25), "t": 1},
    ],
    "region": [
        {"tp": 5, "fp": sp.Rational(3, 7), "fn": sp.Rational(11, 5), "smooth": sp.Rational(1, 9)},
        {"tp": sp.Rational(1, 3), "fp": 200, "fn": 0, "smooth": sp.Rational(1, 100000)},
    ],
    "combine": [{"pixel": sp.Rational(9, 4), "region": sp.Rational(5, 13)}],
}
HYPER = [sp.Rational(2, 3), sp.Rational(1, 5), sp.Rational(3, 7), sp.Rational(4, 9)]


def _bindings(loss: Loss, part: t.TracedPart) -> list[dict[sp.Symbol, Any]]:
    """What to put for each symbol: every point, with a class that is rare and one that is not."""
    symbols = t.hyper_symbols(loss, part.hyper)
    numbers = itertools.cycle(HYPER)
    inputs = {s.name: s for s in t.INPUTS[part.kind]}
    bindings = []
    for point, rare in itertools.product(POINTS[part.kind], (sp.true, sp.false)):
        hyper = {
            s: rare if isinstance(loss.hyperparameters[n], ClassSet) else next(numbers)
            for n, s in symbols.items()
        }
        values = {inputs[name]: value for name, value in point.items()}
        if part.kind == "pixel":
            values[t.LOG_Q] = sp.log(1 - sp.exp(values[t.LOG_P]))
        bindings.append(values | hyper)
    return bindings


def _number(expression: sp.Expr, binding: dict[sp.Symbol, Any]) -> sp.Expr:
    """Evaluate to 50 digits, r(ℓ) written out by its definition ℓ p/(1 − p)."""
    plain = expression.replace(t.log_odds, lambda x: x * sp.exp(x) / (1 - sp.exp(x)))
    number = plain.subs(binding).evalf(DIGITS + 10)
    assert number.is_number, f"{number} is no number"
    return number


def _by_sympy(part: t.TracedPart) -> list[sp.Expr]:
    value = part.value
    if part.kind == "pixel":  # log q is no variable of its own
        value = value.subs(t.LOG_Q, sp.log(1 - sp.exp(t.LOG_P)))
    return [value.diff(variable) for variable in t.VARIABLES[part.kind]]


@pytest.mark.parametrize(("loss", "kind"), PARTS)
def test_gradients_are_sympys_derivatives(loss, kind):
    part = t.trace_part(loss, kind)
    wanted = _by_sympy(part)
    assert len(part.gradient) == len(wanted)
    for binding, (ours, theirs) in itertools.product(
        _bindings(loss, part), zip(part.gradient, wanted, strict=True)
    ):
        a, b = _number(ours, binding), _number(theirs, binding)
        assert abs(a - b) <= sp.Float(10) ** -DIGITS * max(abs(b), 1), binding


def _mpmath(value: Any) -> Any:
    """A SymPy number or truth value as mpmath has it."""
    exact = sp.sympify(value)
    return bool(exact) if exact in (sp.true, sp.false) else mp.mpmathify(exact.evalf(DIGITS + 10))


@pytest.mark.parametrize(("loss", "kind"), PARTS)
def test_values_are_the_definition(loss, kind):
    """Tracing only rearranges: the value is what the definition gives for the same numbers."""
    part = t.trace_part(loss, kind)
    symbols = t.hyper_symbols(loss, part.hyper)
    with mp.workdps(DIGITS + 10):
        for binding in _bindings(loss, part):
            inputs = [_mpmath(binding.get(s, 0)) for s in t.INPUTS[kind]]
            hyper = {name: _mpmath(binding[s]) for name, s in symbols.items()}
            wanted = part.function(mpmath_namespace(), *inputs, **hyper)
            difference = _mpmath(_number(part.value, binding)) - wanted
            assert abs(difference) <= mp.mpf(10) ** -DIGITS * max(abs(wanted), 1)


# Limits of ∂/∂log p at t = 1, by hand: (at p = 1, at p → 0), with the defaults, class 0 then rest.
LIMITS = {
    "cross_entropy": ((-1.0, -1.0), (-1.0, -1.0)),
    "focal": ((0.0, 0.0), (-0.75, -0.25)),
    "combo": ((-0.5, -0.5), (-0.5, -0.5)),
    "hybrid_focal": ((0.0, 0.0), (-0.75, -0.25)),
    "asymmetric_focal": ((0.0, -0.6), (-0.4, -0.6)),
    "unified_focal": ((0.0, -0.6), (-0.4, -0.6)),
}


def _slope(name: str, log_p: float, log_q: float) -> np.ndarray:
    """The generated slope at t = 1, for the classes 0 and 1 of two."""
    hyper = {k: h.resolve(k, h.default, 2) for k, h in LOSSES[name].hyperparameters.items()}
    part = KERNELS[name].pixel
    arguments = {
        k: np.array(v) if isinstance(hyper[k], tuple) else v
        for k, v in hyper.items()
        if k in part.hyper
    }
    with np.errstate(all="ignore"):  # what is not chosen may overflow
        return np.broadcast_to(
            part.gradient(*map(np.full, (2,) * 3, (log_p, log_q, 1.0)), **arguments), 2
        )


@pytest.mark.parametrize("name", PIXEL_LOSSES)
def test_slope_at_a_perfect_pixel(name):
    """At p = 1, log p is 0 and log(1 − p) far below anything."""
    np.testing.assert_allclose(_slope(name, 0.0, -1e5), LIMITS[name][0], rtol=1e-15)


@pytest.mark.parametrize("name", PIXEL_LOSSES)
def test_slope_at_a_hopeless_pixel(name):
    """At p → 0, log p is far below anything and log(1 − p) is −p, which is 0 in floats."""
    np.testing.assert_allclose(_slope(name, -1e5, 0.0), LIMITS[name][1], rtol=1e-15)


@pytest.mark.parametrize("name", PIXEL_LOSSES)
@pytest.mark.parametrize("log_p", [-1e-300, -1e-17, -1e-3, -1.0, -40.0, -700.0, -1e4, -1e308])
def test_slope_is_finite_everywhere(name, log_p):
    log_q = math.log(-math.expm1(log_p)) if log_p > -40 else -math.exp(log_p)
    assert np.isfinite(_slope(name, log_p, log_q)).all()


@pytest.mark.parametrize("name", PIXEL_LOSSES)
def test_pixel_terms_of_the_package_need_the_label_alone(name):
    assert t.is_label_only(t.trace_part(LOSSES[name], "pixel"))


def confident_elsewhere(xp, log_p, log_q, t):
    return (1 - t) * xp.exp(log_p)


def binary_cross_entropy(xp, log_p, log_q, t):
    return -(1 - t) * log_q


def uncertain_power(xp, log_p, log_q, t, *, gamma):
    return t * xp.exp(gamma * log_q)


def half_power(xp, log_p, log_q, t):
    return t * xp.sqrt(xp.exp(log_q))


def squared(xp, log_p, log_q, t, *, omega):
    return omega * t * xp.exp(2 * log_q)


def _pixel_loss(part: Any, **hyperparameters: Any) -> Loss:
    return Loss("mine", "One sentence.", "formula", pixel=part, hyperparameters=hyperparameters)


def test_a_term_of_the_other_classes_needs_every_class():
    assert not t.is_label_only(t.trace_part(_pixel_loss(confident_elsewhere), "pixel"))


@pytest.mark.parametrize(
    "loss",
    [
        _pixel_loss(binary_cross_entropy),
        _pixel_loss(uncertain_power, gamma=Number(2.0, "γ")),
        _pixel_loss(half_power),
    ],
    ids=lambda loss: loss.pixel.__name__,
)
def test_an_unbounded_derivative_is_refused(loss):
    """p/(1 − p) times a power of 1 − p that is below 1, or not known to be 1 at least."""
    with pytest.raises(t.DerivativeError, match="unbounded or undecided at p = 1"):
        t.trace_part(loss, "pixel")


def test_a_power_of_at_least_one_is_differentiated():
    """d/dℓ (1 − p)² = −2 p (1 − p), as exp(ℓ + m)."""
    part = t.trace_part(_pixel_loss(squared, omega=ClassWeight(None, "ω")), "pixel")
    omega = sp.Symbol("omega", nonnegative=True)
    wanted = -2 * omega * t.T * sp.exp(t.LOG_P + t.LOG_Q)
    assert sp.simplify(part.gradient[0] - wanted) == 0


@pytest.mark.parametrize(
    ("namespace", "number"),
    [(sympy_namespace(), sp.Rational), (mpmath_namespace(), mp.mpf)],
    ids=["sympy", "mpmath"],
)
def test_numbers_become_exact_ones_by_any_way_in(namespace, number):
    """A float left among symbols would make a proof approximate."""
    x = namespace.asarray(np.array([0.5, 2.0]))
    ways = (
        x,
        namespace.zeros_like(x),
        namespace.ones((2,), dtype=x.dtype),
        namespace.astype(np.array([0.5, 2.0]), x.dtype),
        namespace.astype(np.array([True, False]), x.dtype),
    )
    assert all(isinstance(entry, number) for way in ways for entry in way)


@pytest.mark.parametrize("name", [name for name in LOSSES if "region" in LOSSES[name].parts])
def test_only_combo_takes_its_region_term_away(name):
    assert t.is_negative(t.trace_part(LOSSES[name], "region")) == (name == "combo")
