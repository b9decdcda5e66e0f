"""The misprinted equations of pixel terms as functions, printed and implemented.

Every variable of a quantity is a positive number, and what lies in (0, 1) is written through one:
a weight as v / (1 + v), a probability as 1 / (1 + v).
"""

from __future__ import annotations

from typing import Any

from unifocal_spec.definition import spread
from unifocal_spec.errata.erratum import Form, Property
from unifocal_spec.losses import (
    asymmetric_focal_pixel,
    cross_entropy_pixel,
    focal_pixel,
    modified_cross_entropy_pixel,
)


def _weight(v: Any) -> Any:
    return v / (1 + v)


def _logs(xp: Any, v: Any) -> tuple[Any, Any]:
    """Return log p and log(1 − p) of p = 1 / (1 + v)."""
    return -xp.log(1 + v), xp.log(v) - xp.log(1 + v)


# (1) -------------------------------------------------------------------------------------------

finite = Property(
    "the loss of every allowed prediction is finite",
    "finite",
    lambda xp, form, v: form(xp, v),
    lambda xp, v: cross_entropy_pixel(xp, *_logs(xp, v), 1),
    (lambda xp, v: cross_entropy_pixel(xp, xp.log(0), 0, 1),),
)

mean_over_pixels = Property(
    "an image and the same image twice over have the same loss",
    "zero",
    lambda xp, form, cost1, cost2: form((cost1, cost2, cost1, cost2)) - form((cost1, cost2)),
    lambda costs: sum(costs) / len(costs),
    (sum,),
)

# (6) -------------------------------------------------------------------------------------------


def _gain_of_foreground(xp: Any, form: Form, a: Any, step: Any, v: Any, gamma: Any) -> Any:
    def cost(c: int, alpha: Any) -> Any:
        return focal_pixel(xp, *_logs(xp, v), 1, alpha=form(alpha)[c], gamma=gamma)

    small, large = _weight(a), _weight(a + step)
    return cost(1, large) * cost(0, small) - cost(1, small) * cost(0, large)


balance_of_classes = Property(
    "a larger α weighs foreground more against background",
    "positive",
    _gain_of_foreground,
    lambda alpha: spread(alpha, 2),
    (lambda alpha: (alpha, alpha),),
)

# (7) -------------------------------------------------------------------------------------------


def _focal_mean(xp: Any, pixels: Any, gamma: Any) -> Any:
    terms = (focal_pixel(xp, log_p, log_q, 1, alpha=1, gamma=gamma) for log_p, log_q in pixels)
    return sum(terms) / len(pixels)


def _factor_sum(xp: Any, pixels: Any, gamma: Any) -> Any:
    cross_entropy = sum(-log_p for log_p, _ in pixels) / len(pixels)
    return sum(xp.exp(gamma * log_q) for _, log_q in pixels) * cross_entropy


def _factor_mean(xp: Any, pixels: Any, gamma: Any) -> Any:
    return _factor_sum(xp, pixels, gamma) / len(pixels)


def _interaction(xp: Any, form: Form, v1: Any, v2: Any, gamma: Any) -> Any:
    first, second = _logs(xp, v1), _logs(xp, v2)
    both = form(xp, (first, second), gamma)
    return 2 * both - form(xp, (first,), gamma) - form(xp, (second,), gamma)


focal_per_pixel = Property(
    "the loss of two pixels is the mean of their losses",
    "zero",
    _interaction,
    _focal_mean,
    (_factor_sum, _factor_mean),
)

# (14) ------------------------------------------------------------------------------------------


def _modified_cross_entropy(xp: Any, log_p: Any, log_q: Any, y: Any, beta: Any) -> Any:
    foreground = modified_cross_entropy_pixel(xp, log_p, log_q, y, beta=beta)
    return foreground + modified_cross_entropy_pixel(xp, log_q, log_p, 1 - y, beta=1 - beta)


def _modified_cross_entropy_printed(xp: Any, log_p: Any, log_q: Any, y: Any, beta: Any) -> Any:
    return -(beta * (y - log_p) + (1 - beta) * (1 - y) * log_q)


better_is_cheaper = Property(
    "at a foreground pixel a better prediction lowers the loss",
    "positive",
    # At y = 1 neither form depends on log(1 − p).
    lambda xp, form, x, step, beta: form(xp, -x - step, 0, 1, beta) - form(xp, -x, 0, 1, beta),
    _modified_cross_entropy,
    (_modified_cross_entropy_printed,),
)

# (16), (17) ------------------------------------------------------------------------------------


def _common_class(xp: Any, log_p: Any, log_q: Any, t: Any, v: Any, gamma: Any) -> Any:
    return asymmetric_focal_pixel(xp, log_p, log_q, t, delta=_weight(v), gamma=gamma, rare=False)


def _common_class_printed(xp: Any, log_p: Any, log_q: Any, t: Any, v: Any, gamma: Any) -> Any:
    # Of two classes, the probability of the rare one is 1 − p. The target is not in the equation.
    return (1 - _weight(v)) * xp.exp(gamma * log_q) * -log_q


def _price_of_foreground(
    xp: Any, form: Form, x: Any, x_step: Any, y: Any, y_step: Any, v: Any, gamma: Any
) -> Any:
    # More foreground lowers log p of the background and raises log(1 − p). How much each moves
    # does not matter: the implemented form rises with both, the printed one knows only the latter.
    more = form(xp, -x - x_step, -y, 1, v, gamma)
    return more - form(xp, -x, -y - y_step, 1, v, gamma)


false_positives_cost = Property(
    "at a background pixel a higher foreground probability raises the loss",
    "positive",
    _price_of_foreground,
    _common_class,
    (_common_class_printed,),
)

own_pixels_only = Property(
    "a pixel that is not of a class adds nothing for that class",
    "zero",
    lambda xp, form, v1, v2, gamma: form(xp, *_logs(xp, v1), 0, v2, gamma),
    _common_class,
    (_common_class_printed,),
)

# (20) ------------------------------------------------------------------------------------------


def _gain_of_rare(xp: Any, form: Form, a: Any, step: Any, v: Any, gamma: Any) -> Any:
    def cost(rare: bool, delta: Any) -> Any:
        return form(xp, *_logs(xp, v), 1, delta=delta, gamma=gamma, rare=rare)

    small, large = _weight(a), _weight(a + step)
    return cost(True, large) * cost(False, small) - cost(True, small) * cost(False, large)


delta_reaches_pixels = Property(
    "a larger δ weighs rare classes more against the others in the pixel half",
    "positive",
    _gain_of_rare,
    asymmetric_focal_pixel,
    (
        lambda xp, log_p, log_q, t, delta, gamma, rare: (
            xp.where(rare, 1, xp.exp(gamma * log_q)) * cross_entropy_pixel(xp, log_p, log_q, t)
        ),
    ),
)

# Fig. 1 ----------------------------------------------------------------------------------------


def _asymmetric(rare: bool) -> Form:
    def form(xp: Any, log_p: Any, log_q: Any, delta: Any, gamma: Any) -> Any:
        return asymmetric_focal_pixel(xp, log_p, log_q, 1, delta=delta, gamma=gamma, rare=rare)

    return form


def _distance_to_focal(xp: Any, form: Form, v1: Any, v2: Any, gamma: Any) -> Any:
    logs, delta = _logs(xp, v1), _weight(v2)
    focal = focal_pixel(xp, *logs, 1, alpha=1 - delta, gamma=gamma)
    return form(xp, *logs, delta, gamma) - focal


focal_is_reached = Property(
    "a foreground pixel can have the term of the focal loss, with α = 1 − δ",
    "zero",
    _distance_to_focal,
    _asymmetric(rare=False),
    (_asymmetric(rare=True),),
    lacking="foreground always rare",
)
