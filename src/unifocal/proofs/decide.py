"""Decide a statement about expressions: exactly, by a number of 50 digits, or not at all.

Nothing here answers "probably". An expression is zero if exact rearrangement says so, and not zero
if 50 digits at a point say so; for whatever is neither, the caller raises UndecidedError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

DIGITS = 50
THRESHOLD = sp.Float("1e-30", DIGITS)


class UndecidedError(ArithmeticError):
    """A claim was neither proved nor refuted."""


@dataclass(frozen=True)
class Witness:
    """Where a statement fails, and the number that shows it: of 50 digits, or exact."""

    where: str
    value: Any

    def __str__(self) -> str:
        return f"{self.where}: {sp.N(self.value, 8)}"


def spelled(values: Mapping[Any, Any]) -> str:
    """Write values as "name = value, …"."""
    return ", ".join(f"{name} = {value}" for name, value in values.items())


def is_zero(expression: Any) -> bool:
    """Whether exact rearrangement shows the expression to be 0. False decides nothing."""
    rearrangements: tuple[Callable[[Any], Any], ...] = (
        sp.sympify,
        sp.expand,
        lambda e: sp.cancel(sp.together(e)),
        sp.simplify,
    )
    return any(rearranged(expression) == 0 for rearranged in rearrangements)


def is_positive(expression: Any) -> bool:
    """Whether the expression is positive at all values of its symbols. False decides nothing."""

    def bound(exponential: sp.Expr) -> sp.Expr:
        # Where x > 0, e^x is 1 + something positive, and e^−x is the reciprocal of that.
        if exponential.args[0].is_negative:
            return 1 / bound(1 / exponential)
        name = sp.Symbol(sp.srepr(exponential), positive=True)
        return 1 + name if exponential.args[0].is_positive else name

    loose = sp.expand(expression).replace(lambda e: isinstance(e, sp.exp), bound)
    return bool(sp.factor(sp.together(sp.expand(loose))).is_positive)


def digits(expression: Any) -> Any:
    """Evaluate an expression without symbols to 50 digits."""
    return sp.N(expression, DIGITS)


def differs_from_zero(number: Any) -> bool:
    """Whether a number of 50 digits is certainly not 0."""
    return bool(sp.Abs(number) > THRESHOLD)


# Equations without a solution -------------------------------------------------------------------

Equation = tuple[Any, Any]
"""A left and a right side."""


def _usable(equation: Equation, unknowns: Sequence[sp.Symbol]) -> sp.Expr | None:
    """Return an expression that is 0 at every solution and rational in unknowns and logarithms.

    Where unknowns are exponents of numbers, that is the difference of the sides' logarithms; both
    sides are positive wherever the equation holds, because the right one is. None stands for an
    equation of neither kind: leaving it out never loses a solution.
    """
    left, right = map(sp.sympify, equation)
    if (left - right).is_rational_function(*unknowns):
        return left - right
    powers = (left - right).atoms(sp.Pow, sp.exp)
    if any(p.exp.has(*unknowns) and p.base.has(*unknowns) for p in powers):
        return None
    if not right.is_positive or any(isinstance(side, sp.Add) for side in (left, right)):
        return None
    return sp.expand_log(sp.log(left) - sp.log(right), force=True, factor=True)


def have_no_solution(
    equations: Iterable[Equation], unknowns: Sequence[sp.Symbol], nonzero: Iterable[Any]
) -> bool:
    """Whether no values of the unknowns, with every `nonzero` expression not 0, solve them all.

    By a Gröbner basis: it is {1} exactly if the polynomials have no common zero, not even a complex
    one. That an expression e is not 0 is the equation e · (a new unknown) = 1. Logarithms of
    unknowns are unknowns of their own, which only admits more solutions.
    """
    polynomials: list[sp.Expr] = []
    logarithms: dict[sp.Expr, sp.Symbol] = {}
    for usable in filter(None, (_usable(e, unknowns) for e in equations)):
        for log in sorted(usable.atoms(sp.log), key=sp.default_sort_key):
            logarithms.setdefault(log, sp.Symbol(str(log)))
        polynomials.append(sp.numer(sp.together(usable.xreplace(logarithms))))
    of_numbers = (symbol for log, symbol in logarithms.items() if log.is_number)
    for k, expression in enumerate((*nonzero, *of_numbers)):
        polynomials.append(expression * sp.Symbol(f"inverse_{k}") - 1)
    if any(differs_from_zero(digits(p)) for p in polynomials if not p.free_symbols):
        return True
    symbols = sorted({s for p in polynomials for s in p.free_symbols}, key=lambda s: s.name)
    return bool(symbols) and bool(sp.groebner(polynomials, *symbols, order="grevlex").exprs == [1])
