r"""Expressions of a trace as LaTeX, so that it survives Markdown.

Pixel terms are written in p, region terms in E, the weighted errors, and D = TP + E + s. Markdown
takes a backslash before punctuation for its own, so no \\ and no thin space occurs: a line of
`cases` ends in \cr.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import sympy as sp
from sympy.printing.latex import LatexPrinter

from unifocal.compiler.trace import FN, FP, LOG_P, LOG_Q, PIXEL, REGION, SMOOTH, TP, T, log_odds
from unifocal_spec.definition import ClassWeight, Loss

_P, _Q, _ODDS = sp.symbols("p q log_odds", positive=True)
_ERROR, _DIVISOR = sp.symbols("error divisor", positive=True)

_INPUTS: tuple[tuple[sp.Symbol, str], ...] = (
    (_P, "p_c"),
    (_Q, r"\left(1 - p_c\right)"),
    (T, "t_c"),
    (LOG_P, r"\log p_c"),
    (_ODDS, r"\frac{p_c}{1 - p_c} \log p_c"),
    (TP, r"\mathrm{TP}_c"),
    (FP, r"\mathrm{FP}_c"),
    (FN, r"\mathrm{FN}_c"),
    (_ERROR, "E_c"),
    (_DIVISOR, "D_c"),
    (SMOOTH, "s"),
    (PIXEL, "A"),
    (REGION, "R"),
)
"""How inputs are written, in the order in which factors are."""

_HALVES = {"focal": "F", "tversky": "T"}


class Abbreviations(NamedTuple):
    """The weighted errors E of a region term and its divisor D, as expressions in the sums."""

    error: sp.Expr
    divisor: sp.Expr


def hyperparameter(loss: Loss, name: str) -> str:
    r"""Return the symbol of a hyperparameter: \alpha_c, \lambda, \gamma^{T}."""
    half, _, letter = name.rpartition("_")
    letter = {"lam": r"\lambda", "rare": r"\mathrm{rare}"}.get(letter, rf"\{letter}")
    above = rf"^{{{_HALVES[half]}}}" if half else ""
    below = "_c" if isinstance(loss.hyperparameters[name], ClassWeight) else ""
    return letter + below + above


class _Printer(LatexPrinter):
    """SymPy's printer, with a case distinction by rarity."""

    def _print_Piecewise(self, expr: sp.Piecewise) -> str:  # noqa: N802 - SymPy's name
        (first, _), (second, _) = expr.args
        return (
            rf"\begin{{cases}} {self._print(first)} & \text{{if }} c \text{{ is rare}} \cr "
            rf"{self._print(second)} & \text{{otherwise}} \end{{cases}}"
        )


def _in_probabilities(expression: sp.Expr) -> sp.Expr:
    """Write e^(a log p + b log(1 − p)) as p^a (1 − p)^b."""

    def power(exponent: sp.Expr) -> sp.Expr:
        terms = sp.expand(exponent)
        a, b = terms.coeff(LOG_P), terms.coeff(LOG_Q)
        return _P**a * _Q**b * sp.exp(terms - a * LOG_P - b * LOG_Q)

    return expression.replace(sp.exp, power).replace(log_odds, lambda _: _ODDS)


def _without_guards(expression: sp.Expr) -> sp.Expr:
    """Drop the case distinctions that give a power of 0 its limit; rarity is a bare symbol."""
    pieces = expression.atoms(sp.Piecewise)
    guards = {p: p.args[0][0] for p in pieces if not isinstance(p.args[0][1], sp.Symbol)}
    return expression.xreplace(guards)


def abbreviations(region: sp.Expr) -> Abbreviations | None:
    """Find E and D = TP + E + s in a region term; None if it is not built of them."""
    for divisor in sorted(region.atoms(sp.Add), key=sp.default_sort_key):
        error = sp.expand(divisor) - TP - SMOOTH
        if not error.has(TP, SMOOTH) and error.has(FP, FN):
            return Abbreviations(divisor - TP - SMOOTH, divisor)
    return None


def _abbreviated(expression: sp.Expr, short: Abbreviations) -> sp.Expr:
    """Put E and D for their multiples."""
    found = {}
    for term in expression.atoms(sp.Add):
        for whole, name in zip(short, (_ERROR, _DIVISOR), strict=True):
            factor = sp.cancel(term / whole)
            if factor.is_number:
                found[term] = factor * name
    return expression.xreplace(found)


def latex(loss: Loss, expression: Any, short: Abbreviations | None = None) -> str:
    """Return an expression of one of the parts of `loss` as LaTeX."""
    shown = _in_probabilities(_without_guards(expression))
    if short:
        shown = _abbreviated(shown, short)
    written = [
        pair
        for name in loss.hyperparameters
        for symbol in shown.free_symbols
        if symbol.name == name
        for text in (hyperparameter(loss, name),)
        for pair in ((symbol, text), (1 - symbol, rf"\left(1 - {text}\right)"))
    ]
    ordered = {e: sp.Symbol(f"{k:02d}") for k, (e, _) in enumerate([*written, *_INPUTS])}
    names = {ordered[e]: text for e, text in [*written, *_INPUTS]}
    text = str(_Printer({"symbol_names": names}).doprint(shown.xreplace(ordered)))
    # A difference that stands alone, or as an exponent, needs no parentheses.
    difference = r"\\left\(([^()]*)\\right\)"
    return re.sub(rf"(?<=\^\{{){difference}(?=\}})|^{difference}$", r"\1\2", text)
