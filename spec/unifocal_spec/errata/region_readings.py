"""The other misprinted equations as functions: region terms, combinations and the training.

Every variable of a quantity is a positive number, so δ is odds / (1 + odds), all of (0, 1).
"""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from unifocal_spec.errata.erratum import Form, Property
from unifocal_spec.losses import (
    asymmetric_focal_tversky_region,
    balance_combine,
    focal_tversky_region,
    tversky_region,
)
from unifocal_spec.regions import class_coefficients

# (11), (19) ------------------------------------------------------------------------------------


def _over_classes(class_reduction: str) -> Form:
    def average(xp: Any, values: tuple[Any, ...]) -> Any:
        plan: Any = SimpleNamespace(absent="include", class_reduction=class_reduction)
        ones = xp.asarray((1,) * len(values))
        return xp.sum(class_coefficients(xp, plan, ones, ones) * xp.asarray(values))

    return average


any_number_of_classes = Property(
    "with equal errors in every class the loss does not depend on the number of classes",
    "zero",
    lambda xp, form, error: form(xp, (error,) * 3) - form(xp, (error,) * 2),
    _over_classes("mean"),
    (_over_classes("sum"),),
)

# (12) ------------------------------------------------------------------------------------------


def _distance_to_tversky(
    xp: Any, form: Form, odds: Any, tp: Any, fp: Any, fn: Any, smooth: Any, gamma: Any
) -> Any:
    delta = odds / (1 + odds)
    plain = tversky_region(xp, tp, fp, fn, smooth, alpha=1 - delta, beta=delta)
    return form(xp, tp, fp, fn, smooth, delta, gamma) - plain


tversky_at_zero = Property(
    "as γ falls to 0 the loss becomes the Tversky loss",
    "zero",
    _distance_to_tversky,
    lambda xp, tp, fp, fn, smooth, delta, gamma: asymmetric_focal_tversky_region(
        xp, tp, fp, fn, smooth, delta=delta, gamma=gamma, rare=True
    ),
    (
        lambda xp, tp, fp, fn, smooth, delta, gamma: focal_tversky_region(
            xp, tp, fp, fn, smooth, alpha=1 - delta, beta=delta, gamma=gamma
        ),
    ),
    towards="gamma",
    lacking="with the exponent of (12)",
)

# (15), (20) ------------------------------------------------------------------------------------

ends_of_lambda = Property(
    "λ = 1 gives the pixel loss and λ = 0 the region loss",
    "zero",
    lambda xp, form, pixel, region: (
        form(xp, pixel, region, lam=1) - pixel,
        form(xp, pixel, region, lam=0) - region,
    ),
    balance_combine,
    (lambda xp, pixel, region, lam: balance_combine(xp, pixel, region, lam=1 - lam),),
    lacking="Fig. 1 and the released code",
)

# (18) ------------------------------------------------------------------------------------------


def _price_of_a_miss(
    xp: Any, form: Form, excess: Any, tp: Any, fp: Any, fn: Any, smooth: Any
) -> Any:
    delta = (1 + excess) / (2 + excess)  # all of (½, 1)
    return form(xp, tp, fp, fn + 1, smooth, delta) - form(xp, tp, fp + 1, fn, smooth, delta)


misses_cost_more = Property(
    "for δ > ½ one more false negative costs more than one more false positive",
    "positive",
    _price_of_a_miss,
    lambda xp, tp, fp, fn, smooth, delta: asymmetric_focal_tversky_region(
        xp, tp, fp, fn, smooth, delta=delta, gamma=0, rare=False
    ),
    (
        lambda xp, tp, fp, fn, smooth, delta: tversky_region(
            xp, tp, fp, fn, smooth, alpha=delta, beta=1 - delta
        ),
    ),
)

# (21), (22) ------------------------------------------------------------------------------------

_POWER = Fraction(9, 10)

real_schedule = Property(
    "the learning rate is real in every epoch from the second on",
    "real",
    lambda xp, form, more, rest: form(1 + more, 1 + more + rest),
    lambda epoch, epochs: (1 - epoch / epochs) ** _POWER,
    (lambda epoch, epochs: ((1 - epoch) / epochs) ** _POWER,),
)

head_weights = Property(
    "each head weighs half as much as the next finer one",
    "zero",
    lambda xp, form, level: 2 * form(level + 1) - form(level),
    lambda level: 2 ** (-level),
    (lambda level: 2 ** -(2**level * 2**level),),
)
