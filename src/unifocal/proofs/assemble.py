"""From a definition to expressions: the terms of one class, and a whole loss from its sums.

A definition may hold decimals such as 0.5. They stay exact as long as they meet nothing but
symbols, so every number that goes in is a symbol first and is put in its place at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from unifocal.compiler.trace import (
    FN,
    FP,
    INPUTS,
    LOG_P,
    LOG_Q,
    PIXEL,
    REGION,
    SMOOTH,
    TP,
    T,
    exact,
    run,
)
from unifocal.namespaces import sympy_namespace
from unifocal.proofs.decide import UndecidedError
from unifocal_spec.definition import Loss, keywords
from unifocal_spec.reference import as_kernel
from unifocal_spec.regions import Sums, region_losses

Values = Mapping[str, Any]
"""Resolved hyperparameters: a number or symbol, or a tuple with one per class."""


class _StandIns:
    """Symbols that stand for numbers while a definition runs."""

    def __init__(self) -> None:
        self.numbers: dict[sp.Symbol, sp.Expr] = {}

    def __call__(self, value: Any) -> Any:
        """Return a symbol for a number, a tuple for a tuple, and anything else as it is."""
        if isinstance(value, bool):
            return value
        if isinstance(value, tuple):
            return tuple(map(self, value))
        expression = sp.sympify(value)
        if not expression.is_number:
            return expression
        sign = {"positive": True} if expression.is_positive else {"nonnegative": True}
        symbol = sp.Dummy(**sign)
        self.numbers[symbol] = expression
        return symbol


def _run(part: Callable[..., Any], kind: str, hyper: Values, c: int) -> sp.Expr:
    """Run a part for class c on the symbols of its kind."""
    put = _StandIns()
    values = {name: hyper[name] for name in keywords(part)}
    chosen = {k: put(v[c] if isinstance(v, tuple) else v) for k, v in values.items()}
    return run(part, kind, chosen).xreplace(put.numbers)


def affine_combination(loss: Loss, hyper: Values) -> tuple[Any, Any, Any]:
    """Return (a, b, c) of combine = a · pixel + b · region + c, which additivity needs."""
    if loss.combine is None:
        return (1, 0, 0) if loss.pixel else (0, 1, 0)
    value = sp.expand(_run(loss.combine, "combine", hyper, 0))
    if not value.is_polynomial(PIXEL, REGION) or sp.Poly(value, PIXEL, REGION).total_degree() > 1:
        raise UndecidedError(f"{loss.name}: combine is not affine in (pixel, region): {value}")
    a, b = value.coeff(PIXEL), value.coeff(REGION)
    return a, b, sp.expand(value - a * PIXEL - b * REGION)


@dataclass(frozen=True)
class ClassTerms:
    """What one class adds to a loss: per pixel, and from its sums (a constant goes here)."""

    pixel: sp.Expr
    region: sp.Expr


def class_terms(loss: Loss, hyper: Values, c: int) -> ClassTerms:
    """Run a loss for class c, on a generic pixel and generic sums."""
    a, b, constant = affine_combination(loss, hyper)
    pixel = _run(loss.pixel, "pixel", hyper, c) if loss.pixel else 0
    region = _run(loss.region, "region", hyper, c) if loss.region else 0
    return ClassTerms(sp.sympify(a * pixel), sp.sympify(b * region + constant))


# Whole losses -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class SymbolicPlan:
    """What `regions.py` reads of a plan, with symbols where a plan has floats."""

    hyper: Values
    region_weights: tuple[Any, ...]
    smooth: Any = SMOOTH
    over: str = "sample"
    absent: str = "include"
    class_reduction: str = "mean"

    def arguments(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the hyperparameters of these names."""
        return {name: self.hyper[name] for name in names}


@dataclass(frozen=True)
class Pixel:
    """One pixel: its weight, and log p, log(1 − p) and the target of every class."""

    weight: Any
    log_p: Sequence[Any]
    log_q: Sequence[Any]
    t: Sequence[Any]


@dataclass(frozen=True)
class Image:
    """Some pixels, the total weight W and the sums TP, FP, FN of every class."""

    pixels: Sequence[Pixel]
    weight: Any
    sums: tuple[Sequence[Any], Sequence[Any], Sequence[Any]]


def generic_image(classes: int) -> Image:
    """Return one generic pixel of an image of which nothing but its sums is known."""

    def copies(symbol: sp.Symbol) -> tuple[sp.Symbol, ...]:
        assumptions = symbol.assumptions0
        return tuple(sp.Symbol(f"{symbol.name}_{c}", **assumptions) for c in range(classes))

    w, total = sp.symbols("w W", positive=True)
    pixel = Pixel(w, copies(LOG_P), copies(LOG_Q), copies(T))
    return Image((pixel,), total, (copies(TP), copies(FP), copies(FN)))


def image_of(pixels: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> Image:
    """Return the image of pixels given by (p of every class, t of every class)."""

    def total(term: Any) -> tuple[Any, ...]:
        columns = zip(*((map(term, p, t)) for p, t in pixels), strict=True)
        return tuple(map(sum, columns))

    seen = [Pixel(1, [sp.log(x) for x in p], [sp.log(1 - x) for x in p], t) for p, t in pixels]
    tp, fp = total(lambda p, t: p * t), total(lambda p, t: p * (1 - t))
    return Image(seen, sp.Integer(len(pixels)), (tp, fp, total(lambda p, t: (1 - p) * t)))


def _pixel_sum(part: Callable[..., Any], hyper: Values, image: Image, omega: Sequence[Any]) -> Any:
    total = sp.S.Zero
    for c, weight in enumerate(omega):
        term = _run(part, "pixel", hyper, c)
        for pixel in image.pixels:
            seen = dict(
                zip(INPUTS["pixel"], (pixel.log_p[c], pixel.log_q[c], pixel.t[c]), strict=True)
            )
            total += pixel.weight * weight * term.xreplace(seen)
    return total


def whole_loss(
    loss: Loss, hyper: Values, image: Image, omega: Sequence[Any], smooth: Any = SMOOTH
) -> sp.Expr:
    """Return the loss of an image with class weights `omega`, assembled as every engine does."""
    xp, put = sympy_namespace(), _StandIns()

    def vector(values: Sequence[Any]) -> Any:
        return np.array(put(tuple(values)), dtype=object)

    def one(value: Any) -> Any:
        return np.array([[put(value)]], dtype=object)

    pixel = one(_pixel_sum(loss.pixel, hyper, image, omega)) if loss.pixel else None
    sums = [vector(s)[None, None] for s in image.sums]
    plan: Any = SymbolicPlan({k: put(v) for k, v in hyper.items()}, put(tuple(omega)), put(smooth))
    value = region_losses(
        xp, vector, as_kernel(loss, xp), plan, Sums(one(image.weight), pixel, *sums)
    )
    return exact(value[0, 0]).xreplace(put.numbers)
