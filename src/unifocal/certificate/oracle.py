"""The losses once more, in the most naive way: Python loops over mpmath numbers.

Written from the definitions alone, sharing no code with the package, so that a misunderstanding in
the package's reference cannot hide. Slow, and right to more than 30 digits.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import mpmath as mp
import numpy as np

STEP_DIGITS = 20
"""The step of a central difference is 10^-20: it leaves a relative truncation error near 1e-40."""

_RIGHT_DIGITS = 40
"""How many digits are to be left when cancellation has taken its own."""


def _lost_digits(logits: np.ndarray) -> int:
    """Return how many digits 1 − p, or 1 − TI, loses where p rounds to 1: one per nine."""
    finite = logits[np.isfinite(logits)]
    spread = float(finite.max() - finite.min()) if finite.size else 0.0
    return int(max(spread, abs(finite).max(initial=0.0)) / np.log(10))


def _steepest(loss: str, hyper: dict[str, Any]) -> float:
    """Return the largest exponent that 1 − p or 1 − TI may have: γ, 1/γ or 1."""
    powers = {k: v for k, v in (LOSSES[loss][3] | hyper).items() if "gamma" in k}
    return max([1.0, *(max(g, 1 / g if g else 0) for g in powers.values())])


def _digits(loss: str, logits: np.ndarray, hyper: dict[str, Any]) -> Iterator[int]:
    """Yield with how many digits to try: the usual number, then ever more, up to the most needed.

    A difference quotient loses those of the step, and 1 − p its own. Where an entry of the gradient
    is far smaller than the value, the quotient loses that many digits more: an entry may be a
    product of two small probabilities and of a power of a third.
    """
    lost = _lost_digits(logits)
    spare = STEP_DIGITS + _RIGHT_DIGITS + 20
    at_most = spare + int((1 + _steepest(loss, hyper)) * lost) + 20
    while spare < at_most:
        yield lost + spare
        spare *= 4
    yield lost + at_most


def _magnitude(x: Any) -> float:
    """Return log10 |x|, to about one digit, for numbers of any size."""
    return float(mp.mag(x) * np.log10(2))


def _resolved(logits: np.ndarray, value: Any, gradient: np.ndarray, digits: int) -> bool:
    """Whether the smallest entry of the gradient stands far enough above the rounding errors."""
    entries = [g for g in gradient.flat if g != 0]
    if not entries or value == 0:
        return True
    left = digits - _lost_digits(logits) - STEP_DIGITS - _RIGHT_DIGITS
    return left >= _magnitude(value) - min(map(_magnitude, entries))


def _cross_entropy(c: int, p: Any, t: Any, h: dict[str, Any]) -> Any:
    return t * -mp.log(p)


def _spread(value: Any, c: int) -> Any:
    if value is None:
        return 1
    if isinstance(value, list | tuple):
        return value[c]
    return 1 - value if c == 0 else value


def _focal(c: int, p: Any, t: Any, h: dict[str, Any]) -> Any:
    return _spread(h["alpha"], c) * (1 - p) ** h["gamma"] * t * -mp.log(p)


def _rare(c: int, h: dict[str, Any]) -> bool:
    return c != 0 if h["rare"] is None else c in h["rare"]


def _asymmetric_focal(c: int, p: Any, t: Any, h: dict[str, Any]) -> Any:
    delta = h["delta"]
    factor = delta if _rare(c, h) else (1 - delta) * (1 - p) ** h["gamma"]
    return factor * t * -mp.log(p)


def _index(sums: Any, alpha: Any, beta: Any) -> Any:
    tp, fp, fn, s = sums
    return (tp + s) / (tp + alpha * fp + beta * fn + s)


def _tversky(c: int, sums: Any, h: dict[str, Any]) -> Any:
    return 1 - _index(sums, h["alpha"], h["beta"])


def _dice(c: int, sums: Any, h: dict[str, Any]) -> Any:
    return 1 - _index(sums, mp.mpf(1) / 2, mp.mpf(1) / 2)


def _focal_tversky(c: int, sums: Any, h: dict[str, Any]) -> Any:
    return _tversky(c, sums, h) ** (1 / h["gamma"])


def _asymmetric_focal_tversky(c: int, sums: Any, h: dict[str, Any]) -> Any:
    error = 1 - _index(sums, 1 - h["delta"], h["delta"])
    return error ** (1 - h["gamma"]) if _rare(c, h) else error


def _prefixed(function: Callable[..., Any], prefix: str) -> Callable[..., Any]:
    def renamed(*arguments: Any) -> Any:
        *rest, h = arguments
        return function(
            *rest, {k.removeprefix(prefix): v for k, v in h.items() if k.startswith(prefix)}
        )

    return renamed


def _combo_pixel(c: int, p: Any, t: Any, h: dict[str, Any]) -> Any:
    return _spread(h["beta"], c) * t * -mp.log(p)


def _minus_index(c: int, sums: Any, h: dict[str, Any]) -> Any:
    return _dice(c, sums, h) - 1


# name: (pixel term, class term, weight of the pixel part, of the class part, defaults)
_ASYMMETRIC = {"delta": 0.6, "gamma": 0.2, "rare": None}
_TVERSKY = {"alpha": 0.3, "beta": 0.7}
LOSSES: dict[str, Any] = {
    "cross_entropy": (_cross_entropy, None, None, {}),
    "focal": (_focal, None, None, {"alpha": 0.25, "gamma": 2}),
    "dice": (None, _dice, None, {}),
    "tversky": (None, _tversky, None, _TVERSKY),
    "focal_tversky": (None, _focal_tversky, None, _TVERSKY | {"gamma": 4 / 3}),
    "combo": (_combo_pixel, _minus_index, "alpha", {"alpha": 0.5, "beta": 0.5}),
    "hybrid_focal": (
        _prefixed(_focal, "focal_"),
        _prefixed(_focal_tversky, "tversky_"),
        "lam",
        {
            "lam": 0.5,
            "focal_alpha": 0.25,
            "focal_gamma": 2,
            "tversky_alpha": 0.3,
            "tversky_beta": 0.7,
            "tversky_gamma": 4 / 3,
        },
    ),
    "asymmetric_focal": (_asymmetric_focal, None, None, _ASYMMETRIC),
    "asymmetric_focal_tversky": (None, _asymmetric_focal_tversky, None, _ASYMMETRIC),
    "unified_focal": (
        _asymmetric_focal,
        _asymmetric_focal_tversky,
        "lam",
        {"lam": 0.5} | _ASYMMETRIC,
    ),
}


def _probabilities(z: list[Any], activation: str) -> list[list[Any]]:
    """Class probabilities of the problems of one pixel: one for softmax, K for sigmoid."""
    if activation == "none":
        return [list(z)]
    if activation == "softmax":
        e = [mp.exp(x) for x in z]
        return [[x / mp.fsum(e) for x in e]]
    return [[1 / (1 + mp.exp(x)), 1 / (1 + mp.exp(-x))] for x in z]


def _targets(t: Any, classes: int, channels: int, activation: str) -> list[list[Any]]:
    if np.ndim(t) == 0:
        return [[mp.mpf(int(t) == c) for c in range(classes)]] * (
            channels if activation == "sigmoid" else 1
        )
    values = [mp.mpf(float(x)) for x in t]
    return [[1 - v, v] for v in values] if activation == "sigmoid" else [values]


def value(
    loss: str,
    logits: Any,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    axis: int = 1,
    activation: str = "softmax",
    ignore_index: int | None = None,
    class_weights: list[float] | None = None,
    include_background: bool = True,
    absent: str = "include",
    over: str = "sample",
    reduction: str = "mean",
    class_reduction: str = "mean",
    smooth: float = 1e-5,
    **hyper: Any,
) -> Any:
    """Return the loss of mpmath logits (an object array) as an mpmath number."""
    pixel_term, class_term, share, defaults = LOSSES[loss]
    h = {k: mp.mpf(v) if isinstance(v, int | float) else v for k, v in (defaults | hyper).items()}
    z = np.moveaxis(logits, axis, -1)
    index = target.ndim == logits.ndim - 1
    t = target if index else np.moveaxis(target, axis, -1)
    channels = z.shape[-1]
    sigmoid = activation == "sigmoid"
    classes, problems = (2, channels) if sigmoid else (channels, 1)
    omega = [mp.mpf(x) for x in class_weights or [1] * classes]
    w = np.ones(z.shape[:-1]) if weight is None else np.broadcast_to(weight, z.shape[:-1])

    samples = range(z.shape[0])
    groups = [list(samples)] if over == "batch" else [[n] for n in samples]
    results = []
    for group in groups:
        of_problem = []
        for k in range(problems):
            total = pixel_sum = mp.mpf(0)
            sums = [[mp.mpf(0)] * 3 for _ in range(classes)]
            for n in group:
                for place in itertools.product(*map(range, z.shape[1:-1])):
                    i = (n, *place)
                    if (index and ignore_index is not None and t[i] == ignore_index) or w[i] == 0:
                        continue
                    p = _probabilities(list(z[i]), activation)[k]
                    y = _targets(t[i], classes, channels, activation)[k]
                    weight_i = mp.mpf(float(w[i]))
                    total += weight_i
                    for c in range(classes):
                        if pixel_term and y[c] != 0:
                            pixel_sum += weight_i * omega[c] * pixel_term(c, p[c], y[c], h)
                        sums[c][0] += weight_i * p[c] * y[c]
                        sums[c][1] += weight_i * p[c] * (1 - y[c])
                        sums[c][2] += weight_i * (1 - p[c]) * y[c]
            of_problem.append(
                _region(
                    total,
                    pixel_sum,
                    sums,
                    pixel_term,
                    class_term,
                    share,
                    h,
                    omega,
                    include_background,
                    absent,
                    class_reduction,
                    mp.mpf(smooth),
                )
            )
        results.append(mp.fsum(of_problem) / problems)
    if over == "batch":
        return results[0]
    return mp.fsum(results) / (len(results) if reduction == "mean" else 1)


def _region(
    total: Any,
    pixel_sum: Any,
    sums: Any,
    pixel_term: Any,
    class_term: Any,
    share: str | None,
    h: dict[str, Any],
    omega: list[Any],
    include_background: bool,
    absent: str,
    class_reduction: str,
    smooth: Any,
) -> Any:
    if total == 0:
        return mp.mpf(0)
    pixel = pixel_sum / total
    counted = [
        c
        for c, (tp, _, fn) in enumerate(sums)
        if (c > 0 or include_background) and (absent == "include" or tp + fn > 0)
    ]
    region = mp.mpf(0)
    norm = mp.fsum(omega[c] for c in counted)
    if class_term and norm > 0:
        terms = [omega[c] * class_term(c, (*sums[c], smooth), h) for c in counted]
        region = mp.fsum(terms) / (norm if class_reduction == "mean" else 1)
    if class_term is None:
        return pixel
    if share is None:
        return region
    return h[share] * pixel + (1 - h[share]) * region


def _central_differences(
    loss: str, logits: np.ndarray, digits: int, *arrays: Any, **keywords: Any
) -> tuple[Any, np.ndarray]:
    lift = np.frompyfunc(mp.mpf, 1, 1)
    with mp.workdps(digits):
        z = lift(logits.astype(float).astype(object))
        step = mp.mpf(10) ** -STEP_DIGITS
        gradient = np.empty(logits.shape, dtype=object)
        for i in np.ndindex(*logits.shape):
            above, below = z.copy(), z.copy()
            above[i], below[i] = z[i] + step, z[i] - step
            ends = [value(loss, moved, *arrays, **keywords) for moved in (above, below)]
            gradient[i] = (ends[0] - ends[1]) / (2 * step)
        return value(loss, z, *arrays, **keywords), gradient


def exact_value_and_grad(
    loss: str,
    logits: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    **keywords: Any,
) -> tuple[Any, np.ndarray]:
    """Return value and gradient, by central differences, as mpmath numbers of over 30 digits."""
    hyper = {k: v for k, v in keywords.items() if k in LOSSES[loss][3]}
    for digits in _digits(loss, logits, hyper):
        result = _central_differences(loss, logits, digits, target, weight, **keywords)
        if _resolved(logits, *result, digits):
            break
    return result


def value_and_grad(
    loss: str,
    logits: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    **keywords: Any,
) -> tuple[float, np.ndarray]:
    """Return value and gradient, rounded once to float64."""
    exact, gradient = exact_value_and_grad(loss, logits, target, weight, **keywords)
    return float(exact), gradient.astype(float)
