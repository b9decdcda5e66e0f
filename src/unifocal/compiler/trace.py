"""Run the parts of a definition on symbols, and differentiate them in closed form.

The pixel term is a function of ℓ = log p and m = log(1 − p), which are not independent:
dm/dℓ = −p/(1 − p). That factor is unbounded where p → 1, so it is never printed. It is always met
by something that tames it, and which of the two ways applies is decided term by term:

    ℓ · p/(1 − p)         = r,  r = ℓ / expm1(−ℓ), which lies in [−1, 0]
    (1 − p)^k · p/(1 − p) = exp(ℓ + (k − 1) m),  for a number k ≥ 1
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from unifocal.compiler.lint import lint
from unifocal.namespaces import sympy_namespace
from unifocal_spec.definition import ClassSet, Loss, keywords

LOG_P = sp.Symbol("log_p", negative=True)
LOG_Q = sp.Symbol("log_q", negative=True)
T = sp.Symbol("t", nonnegative=True)
TP, FP, FN = sp.symbols("tp fp fn", nonnegative=True)
SMOOTH = sp.Symbol("smooth", positive=True)
PIXEL, REGION = sp.symbols("pixel region", real=True)

INPUTS: dict[str, tuple[sp.Symbol, ...]] = {
    "pixel": (LOG_P, LOG_Q, T),
    "region": (TP, FP, FN, SMOOTH),
    "combine": (PIXEL, REGION),
}
"""The arguments of each part, before its hyperparameters."""

VARIABLES: dict[str, tuple[sp.Symbol, ...]] = {
    "pixel": (LOG_P,),
    "region": (TP, FP, FN),
    "combine": (PIXEL, REGION),
}
"""What each part is differentiated by."""


class log_odds(sp.Function):  # noqa: N801 - SymPy prints the class name
    """r(ℓ) = ℓ / expm1(−ℓ) = ℓ p/(1 − p), with r(0) = −1."""

    nargs = 1


class DerivativeError(ValueError):
    """The derivative of a pixel term is unbounded where p = 1."""


@dataclass(frozen=True)
class TracedPart:
    """One part of a definition as expressions in its inputs and hyperparameters."""

    kind: str
    function: Callable[..., Any]
    hyper: tuple[str, ...]
    value: sp.Expr
    gradient: tuple[sp.Expr, ...]


def exact(expression: Any) -> sp.Expr:
    """Replace floating-point numbers by the decimal fractions that were written."""
    expression = sp.sympify(expression)
    floats = expression.atoms(sp.Float)
    return expression.xreplace({x: sp.nsimplify(str(x), rational=True) for x in floats})


def hyper_symbols(loss: Loss, names: tuple[str, ...]) -> dict[str, sp.Symbol]:
    """Return a symbol for each hyperparameter; the one of a class set stands for a truth value."""
    return {
        name: sp.Symbol(name)
        if isinstance(loss.hyperparameters[name], ClassSet)
        else sp.Symbol(name, nonnegative=True)
        for name in names
    }


def run(part: Callable[..., Any], kind: str, hyper: dict[str, Any]) -> sp.Expr:
    """Run one part on the symbols of its kind."""
    return exact(part(sympy_namespace(), *INPUTS[kind], **hyper))


def _by_branch(function: Callable[[sp.Expr], sp.Expr], expression: sp.Expr) -> sp.Expr:
    """Apply a function to each branch of a case distinction."""
    folded = sp.piecewise_fold(expression)
    if not isinstance(folded, sp.Piecewise):
        return function(folded)
    return sp.Piecewise(*((function(e), condition) for e, condition in folded.args))


def _tidy(expression: sp.Expr) -> sp.Expr:
    return sp.factor(sp.together(expression))


def _through_log_q(slope: sp.Expr) -> sp.Expr:
    """Return ∂f/∂m · dm/dℓ, for slope = ∂f/∂m, without the unbounded factor p/(1 − p)."""
    total = sp.S.Zero
    for term in sp.Add.make_args(sp.expand_mul(slope)):
        cofactor = term / LOG_P
        if not sp.denom(cofactor).has(LOG_P):
            total -= cofactor * log_odds(LOG_P)
            continue
        tamed = sp.powsimp(term * sp.exp(LOG_P - LOG_Q), combine="exp")
        for exponent in (e.args[0] for e in tamed.atoms(sp.exp)):
            power = sp.expand(exponent).coeff(LOG_Q)
            if not (power.is_number and power.is_nonnegative):
                raise DerivativeError(
                    f"the derivative of the pixel term holds (1 - p)**({power}) p/(1 - p), which "
                    "is unbounded or undecided at p = 1; give log_q a factor log_p, or (1 - p) a "
                    "numeric power >= 1"
                )
        total -= tamed
    return total


def _pixel_derivative(value: sp.Expr) -> sp.Expr:
    def derivative(branch: sp.Expr) -> sp.Expr:
        return _tidy(branch.diff(LOG_P) + _through_log_q(branch.diff(LOG_Q)))

    return _by_branch(derivative, value)


def _guarded_power(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    """base^exponent; 0 where it is infinite, for the sums it is multiplied with vanish faster."""
    return sp.Piecewise((base**exponent, sp.Or(sp.Gt(base, 0), sp.Ge(exponent, 0))), (0, True))


def _derivative(value: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """Differentiate, keeping x^κ with a symbolic or fractional κ in one piece (x may be 0)."""

    def derivative(branch: sp.Expr) -> sp.Expr:
        powers = [p for p in branch.atoms(sp.Pow) if not p.exp.is_integer and p.base.has(variable)]
        outer = {p: sp.Dummy() for p in powers if not any(p is not q and q.has(p) for q in powers)}
        total = _tidy(branch.xreplace(outer).diff(variable))
        for power, stand_in in outer.items():
            slope = _tidy(branch.xreplace(outer).diff(stand_in)).xreplace(
                {d: p for p, d in outer.items()}
            )
            total += (
                slope
                * power.exp
                * _guarded_power(power.base, power.exp - 1)
                * _derivative(power.base, variable)
            )
        return total.xreplace({d: p for p, d in outer.items()})

    return _by_branch(derivative, value)


def trace_part(loss: Loss, kind: str) -> TracedPart:
    """Lint one part of a loss, run it on symbols and differentiate it."""
    part = loss.parts[kind]
    lint(part)
    names = keywords(part)
    symbols = hyper_symbols(loss, names)
    # 1 − δ stays in one piece: multiplied out, δ FN + (1 − δ) FP would cancel where δ → 1.
    whole = {1 - s: sp.Symbol(f"one_minus_{s}", nonnegative=True) for s in symbols.values()}
    apart = {s: e for e, s in whole.items()}
    value = run(part, kind, dict(symbols)).xreplace(whole)
    if kind == "pixel":
        gradient: tuple[sp.Expr, ...] = (_pixel_derivative(value),)
    else:
        gradient = tuple(_derivative(value, v) for v in VARIABLES[kind])
    return TracedPart(
        kind,
        part,
        names,
        sp.piecewise_fold(value).xreplace(apart),
        tuple(g.xreplace(apart) for g in gradient),
    )


def trace(loss: Loss) -> dict[str, TracedPart]:
    """Trace every part of a loss."""
    return {kind: trace_part(loss, kind) for kind in loss.parts}


def is_label_only(pixel: TracedPart) -> bool:
    """Whether a pixel term vanishes at t = 0, so that only the label's class contributes."""
    return bool(sp.simplify(pixel.value.subs(T, 0)) == 0)


def is_negative(region: TracedPart) -> bool:
    """Whether a region term falls below 0, as it does at a perfect prediction if anywhere."""
    return bool(region.value.subs({TP: 1, FP: 0, FN: 0, SMOOTH: 1}).is_negative)
