"""Prove that two losses are equal, or find an image on which they differ.

An equality is proved twice. First for one generic class and pixel: `combine` is affine, so a loss
is a sum over pixels and classes, and what holds for every summand holds for every number of pixels
and classes. Then assembled, for 2 and 3 classes with symbolic class weights, through the very
function that engines use to go from sums to a loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sympy as sp

from unifocal.compiler.trace import SMOOTH
from unifocal.proofs.assemble import Image, class_terms, generic_image, image_of, whole_loss
from unifocal.proofs.decide import (
    UndecidedError,
    Witness,
    differs_from_zero,
    digits,
    is_zero,
    spelled,
)
from unifocal.proofs.free import free_values, symbol
from unifocal_spec.claims.claim import DEFINITIONS, Claim
from unifocal_spec.definition import Hyperparameter

_THIRD, _QUARTER, _FIFTH, _SEVENTH = (sp.Rational(1, n) for n in (3, 4, 5, 7))
_HALF = sp.Rational(1, 2)

IMAGES: dict[int, Image] = {
    2: image_of([((_THIRD, 1 - _THIRD), (0, 1)), ((1 - _FIFTH, _FIFTH), (1, 0))]),
    3: image_of(
        [
            ((_HALF, _THIRD, sp.Rational(1, 6)), (1, 0, 0)),
            ((_SEVENTH, _HALF, sp.Rational(5, 14)), (0, 1, 0)),
            ((_FIFTH, _FIFTH, sp.Rational(3, 5)), (0, _QUARTER, 1 - _QUARTER)),
        ]
    ),
}
"""Where an equality is tried before it is called refuted, by number of classes."""


def _generic_differences(claim: Claim, free: Mapping[str, Any], c: int) -> Iterator[sp.Expr]:
    point = claim.substitute(2, free)
    general = class_terms(DEFINITIONS[claim.general], point.general, c)
    special = class_terms(DEFINITIONS[claim.special], point.special, c)
    factor, constant = sp.sympify(point.factor), sp.sympify(point.constant)
    yield general.pixel - factor * special.pixel
    yield general.region - factor * special.region - constant


def _whole_difference(
    claim: Claim, free: Mapping[str, Any], image: Image, omega: tuple[Any, ...], smooth: Any
) -> sp.Expr:
    point = claim.substitute(len(omega), free)
    general, special = (
        whole_loss(DEFINITIONS[name], hyper, image, omega, smooth)
        for name, hyper in ((claim.general, point.general), (claim.special, point.special))
    )
    return general - sp.sympify(point.factor) * special - sp.sympify(point.constant)


def _holds_generically(claim: Claim) -> bool:
    return all(
        is_zero(difference)
        for free in free_values(claim, 2, symbol)
        for c in (0, 1)  # the background, and any other class
        for difference in _generic_differences(claim, free, c)
    )


def _holds_assembled(claim: Claim, classes: int) -> bool:
    image = generic_image(classes)
    omega = tuple(sp.Symbol(f"omega_{c}", positive=True) for c in range(classes))
    return all(
        is_zero(_whole_difference(claim, free, image, omega, SMOOTH))
        for free in free_values(claim, classes, symbol)
    )


def _counterexample(claim: Claim) -> Witness | None:
    primes = iter(sp.primerange(3, 200))
    numbers: dict[str, sp.Rational] = {}

    def number(name: str, _: Hyperparameter) -> sp.Rational:
        return numbers.setdefault(name, sp.Rational(1, next(primes)))

    for classes, image in IMAGES.items():
        omega = (sp.S.One,) * classes
        for free in free_values(claim, classes, number):
            difference = digits(
                _whole_difference(claim, free, image, omega, sp.Rational(1, 100_000))
            )
            if differs_from_zero(difference):
                return Witness(spelled({"classes": classes} | free), difference)
    return None


def decide_equality(claim: Claim) -> Witness | None:
    """Return None if the claim is proved, else an image on which the two sides differ."""
    if _holds_generically(claim) and all(_holds_assembled(claim, classes) for classes in IMAGES):
        return None
    if witness := _counterexample(claim):
        return witness
    raise UndecidedError(f"{claim.general}, {claim.statement}: neither proved nor refuted")
