"""Probabilities of one block, their logarithms, and the chain from them to the logits.

p, log p and log(1 − p) come from the logits without cancellation: the other classes' exponentials
are summed, not got as a difference. So 1 − p keeps its relative precision however saturated a pixel
is.

Arrays have three axes: problem, class, pixel. `hit` holds the target of every class. With a `label`
(problem, pixel), the class index, 1 − p and the logarithms are those of the label's class, with a
class axis of length 1; without it, of all classes.

Selections are written as products with masks of 0 and 1, which are exact and which processors do
many times faster than `where` or a comparison that yields bools.
"""

from __future__ import annotations

from typing import Any

from unifocal_spec.definition import Array
from unifocal_spec.regions import Slopes


class Softmax:
    """The softmax of logits z over the classes."""

    def __init__(self, xp: Any, z: Array, hit: Array, label: Array | None) -> None:
        self.xp, self.label, self.hit, self.miss = xp, label, hit, 1 - hit
        self.distance = z - xp.max(z, axis=1, keepdims=True)
        self.exp = exp = xp.exp(self.distance)
        # `others` is the sum over the other classes, `rest` that over all but the largest logit's.
        if label is None:
            top = xp.floor(exp)  # 1 at the top, and where exp is rounded to 1; 0 elsewhere
            rest = xp.sum(exp - top, axis=1, keepdims=True)
            rest = rest + (xp.sum(top, axis=1, keepdims=True) - 1)
            others = rest + (1 - exp)
        else:
            self.distance = xp.pick(self.distance, label, axis=1)
            others = xp.sum(exp * self.miss, axis=1, keepdims=True)
            rest = others - (1 - xp.exp(self.distance))
        norm = 1 + rest
        self.p, self.q, self.rest = exp / norm, others / norm, rest

    def logarithms(self) -> tuple[Array, Array]:
        """Return log p and log(1 − p)."""
        xp = self.xp
        return self.distance - xp.log1p(self.rest), xp.log(xp.at_least_tiny(self.q))

    def chain(self, by_log_p: Array | None, slopes: Slopes) -> Array:
        """Return ∂L/∂z from ∂L/∂log p (of the label's class or of all) and the sums' slopes."""
        xp, p, dz = self.xp, self.p, None
        if slopes.tp is not None:
            # dz = p (s − Σ p s) stays as it is when a constant is taken from s. Taking that of the
            # largest class leaves a sum over the others alone, which does not cancel. Where
            # several are the largest, or none (a compiler may compute logits twice with different
            # roundings), any constant will do: nothing is saturated there.
            s = _by_p(self, slopes)
            s = s - xp.sum(xp.floor(self.exp) * s, axis=1, keepdims=True)
            dz = p * (s - xp.sum(p * s, axis=1, keepdims=True))
        if by_log_p is not None:
            if self.label is not None:
                pixel = by_log_p * (self.hit * self.q - self.miss * p)
            else:
                others = xp.sum(by_log_p, axis=1, keepdims=True) - by_log_p
                pixel = by_log_p * self.q - p * others
            dz = pixel if dz is None else dz + pixel
        return dz


class Given:
    """Probabilities z given as they are; their gradient is by the probabilities."""

    def __init__(self, xp: Any, z: Array, hit: Array, label: Array | None) -> None:
        self.xp, self.label, self.hit, self.miss = xp, label, hit, 1 - hit
        self.p = z
        self.picked = z if label is None else xp.pick(z, label, axis=1)
        self.q = 1 - self.picked

    def logarithms(self) -> tuple[Array, Array]:
        """Return log p and log(1 − p); where p = 0 is not the target, any finite log p serves."""
        xp, p = self.xp, self.picked
        tiny = xp.tiny(p)
        needed = p if self.label is not None else xp.where((p > 0) | (self.hit > 0), p, tiny)
        log_q = xp.where(p < 1, xp.log1p(-p), xp.log(tiny))
        return xp.log(needed), log_q

    def chain(self, by_log_p: Array | None, slopes: Slopes) -> Array:
        """Return ∂L/∂p from ∂L/∂log p (of the label's class or of all) and the sums' slopes."""
        xp = self.xp
        dz = xp.zeros_like(self.p) if slopes.tp is None else _by_p(self, slopes)
        if by_log_p is not None:
            slope = xp.where(by_log_p != 0, by_log_p / self.picked, 0.0)
            dz = dz + (slope if self.label is None else xp.where(self.hit != 0, slope, 0.0))
        return dz


def overlaps(p: Softmax | Given) -> tuple[Array, Array, Array]:
    """Return the terms of TP, FP and FN."""
    return p.hit * p.p, p.miss * p.p, p.hit * p.q


def _by_p(p: Softmax | Given, slopes: Slopes) -> Array:
    """∂L/∂p by way of the sums."""
    return p.hit * (slopes.tp - slopes.fn) + p.miss * slopes.fp
