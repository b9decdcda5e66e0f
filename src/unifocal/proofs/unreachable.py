"""Prove that no hyperparameters make one loss another.

That is proved part by part. If two losses agree on every image, their parts agree: as `smooth`
grows the region terms vanish, which leaves the pixel terms; class weights single out a class; and
equal pixel parts can be taken away, which leaves the region terms. So the terms of one class at a
few points are equations in the hyperparameters, and they must have no solution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sympy as sp

from unifocal.compiler.trace import FN, FP, LOG_P, LOG_Q, SMOOTH, TP, T
from unifocal.proofs.assemble import ClassTerms, class_terms
from unifocal.proofs.decide import Equation, UndecidedError, have_no_solution, is_zero
from unifocal.proofs.free import free_values, symbol
from unifocal_spec.claims.claim import DEFINITIONS, Unreachable

_HALF, _QUARTER = sp.Rational(1, 2), sp.Rational(1, 4)

POINTS: tuple[tuple[str, dict[sp.Symbol, Any]], ...] = (
    *(
        ("pixel", {LOG_P: sp.log(p), LOG_Q: sp.log(1 - p), T: 1})
        for p in (_HALF, _QUARTER, 1 - _QUARTER)
    ),
    *(
        ("region", {TP: _HALF, SMOOTH: _HALF, FN: 0, FP: y / (1 - y) / sp.Rational(3, 10)})
        for y in (sp.Rational(n, d) for n, d in ((1, 16), (1, 256), (16, 81), (81, 256)))
    ),
)
"""Where parts are compared. Sums are such that 1 − TI(0.3, β) is y: a number's fourth power."""


def _parts_are_separable(terms: ClassTerms) -> bool:
    """Whether a pixel without target adds nothing, and smooth → ∞ leaves of a region a constant."""
    limit = terms.region.subs(SMOOTH, sp.oo)
    return is_zero(terms.pixel.subs(T, 0)) and not limit.has(TP, FP, FN, sp.nan)


def _equations(claim: Unreachable, free: Mapping[str, Any], factor: Any) -> Iterator[Equation]:
    point = claim.substitute(2, free)
    for c in (0, 1):
        general = class_terms(DEFINITIONS[claim.general], point.general, c)
        special = class_terms(DEFINITIONS[claim.special], point.special, c)
        if not (_parts_are_separable(general) and _parts_are_separable(special)):
            raise UndecidedError(f"{claim.statement}: pixel and region parts cannot be told apart")
        for part, at in POINTS:
            left, right = getattr(general, part).subs(at), factor * getattr(special, part).subs(at)
            yield left, right


def prove_unreachable(claim: Unreachable) -> None:
    """Raise UndecidedError unless no value of what is free reaches the special loss."""
    factor = sp.Symbol("factor", positive=True) if claim.up_to_factor else sp.S.One
    for free in free_values(claim, 2, symbol):
        unknowns = [factor] if claim.up_to_factor else []
        for value in free.values():
            symbols = value if isinstance(value, tuple) else (value,)
            unknowns += [s for s in symbols if isinstance(s, sp.Symbol)]
        special = claim.substitute(2, free).special.values()
        positive = {s for v in special for s in sp.Tuple(v).free_symbols}
        others = [free[name] - sp.sympify(value) for name, value in claim.excluding.items()]
        nonzero = [*sorted(positive | {factor} - {1}, key=str), *others]
        if not have_no_solution(_equations(claim, free, factor), unknowns, nonzero):
            raise UndecidedError(f"{claim.general}, {claim.statement}: there may be a solution")
