"""Decide whether a form of an equation has a property: at all arguments, or not at some."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping

import sympy as sp

from unifocal.compiler.trace import exact
from unifocal.namespaces import sympy_namespace
from unifocal.proofs.decide import (
    UndecidedError,
    Witness,
    differs_from_zero,
    digits,
    is_positive,
    is_zero,
    spelled,
)
from unifocal_spec.errata.erratum import Reading

_NOT_FINITE = (sp.zoo, sp.oo, -sp.oo, sp.nan)

_HOLDS: dict[str, Callable[[sp.Expr], bool]] = {
    "positive": is_positive,
    "zero": is_zero,
    "real": lambda e: bool(sp.factor(sp.together(e)).is_real),
    "finite": lambda e: bool(e.is_finite),
}
"""Whether an expression has a property for all values of its symbols. False decides nothing."""

_FAILS: dict[str, Callable[[sp.Expr], bool]] = {
    "positive": lambda e: is_zero(e) or (differs_from_zero(e) and bool(e < 0)),
    "zero": differs_from_zero,
    "real": lambda e: differs_from_zero(sp.im(e)),
    "finite": lambda e: bool(e.has(*_NOT_FINITE)),
}
"""Whether a number certainly lacks the property."""


_FALLING = sp.Symbol("falling", positive=True)


def _limit(quantity: sp.Expr) -> sp.Expr:
    """Return the limit as `_FALLING`, if it is there, falls to 0; nan if it is not known."""
    # An elementary function is continuous wherever it is defined.
    value = quantity.subs(_FALLING, 0)
    if not (quantity.has(_FALLING) and value.has(*_NOT_FINITE)):
        return value
    known = quantity.free_symbols == {_FALLING}
    return sp.limit(quantity, _FALLING, 0, "+") if known else sp.nan


def _variables(reading: Reading) -> dict[str, sp.Symbol]:
    names = list(inspect.signature(reading.stated.quantity).parameters)[2:]
    symbols = {name: sp.Symbol(name, positive=True) for name in names}
    return symbols | ({reading.stated.towards: _FALLING} if reading.stated.towards else {})


def _quantities(reading: Reading, variables: Mapping[str, sp.Symbol]) -> list[sp.Expr]:
    """Run the quantity on symbols; numbers are put in afterwards, so that all stays exact."""
    found = reading.stated.quantity(sympy_namespace(), reading.form, **variables)
    return [exact(quantity) for quantity in (found if isinstance(found, tuple) else (found,))]


def _candidates(symbols: list[sp.Symbol]) -> Iterator[dict[sp.Symbol, sp.Expr]]:
    yield dict.fromkeys(symbols, sp.S.One)
    yield {s: sp.Rational(1, prime) for s, prime in zip(symbols, sp.primerange(100), strict=False)}


def decide_reading(reading: Reading) -> Witness | None:
    """Return None if the form is proved to have the property, else where it lacks it."""
    relation = reading.stated.relation
    variables = _variables(reading)
    quantities = _quantities(reading, variables)
    if all(_HOLDS[relation](_limit(quantity)) for quantity in quantities):
        return None
    for values in _candidates([v for v in variables.values() if v != _FALLING]):
        for number in (digits(_limit(quantity.xreplace(values))) for quantity in quantities):
            if _FAILS[relation](number):
                return Witness(spelled(values), number)
    raise UndecidedError(f"{reading.statement}: neither proved nor refuted")
