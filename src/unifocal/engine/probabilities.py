"""Probabilities of one block, their logarithms, and the chain from them to the logits.

p, log p and log(1 − p) come from the logits without cancellation: the largest logit is left out of
the sum of exponentials, not subtracted afterwards. So 1 − p keeps its relative precision however
saturated a pixel is.

Arrays have three axes: problem, class, pixel. With a `label` (problem, pixel), the class index,
1 − p and the logarithms are those of the label's class, with a class axis of length 1; without it,
of all classes.

Selections are written as products with masks of 0 and 1, which are exact and which processors do
many times faster than `where` or a comparison that yields bools.
"""

from __future__ import annotations

from typing import Any

from unifocal_spec.definition import Array


class Softmax:
    """The softmax of logits z over the classes."""

    def __init__(self, xp: Any, z: Array, label: Array | None) -> None:
        self.xp, self.z, self.label = xp, z, label
        largest = xp.max(z, axis=1, keepdims=True)
        self.d = z - largest
        self.exp = xp.exp(self.d)
        self.top = xp.equals(z, largest)
        self.ties = xp.sum(self.top, axis=1, keepdims=True)
        # exp is exactly 1 at the top, so this difference leaves the top out without rounding.
        self.rest = xp.sum(self.exp - self.top, axis=1, keepdims=True) + (self.ties - 1)
        self.norm = 1 + self.rest
        self.p = self.exp / self.norm
        self.distance, exp = self.d, self.exp
        if label is not None:
            self.distance = xp.pick(self.d, label, axis=1)
            exp = xp.exp(self.distance)
        self.q = (self.rest + (1 - exp)) / self.norm

    def logarithms(self, t: Array) -> tuple[Array, Array]:
        """Return log p and log(1 − p)."""
        xp = self.xp
        return self.distance - xp.log1p(self.rest), xp.log(xp.at_least_tiny(self.q))

    def chain(self, by_log_p: Array | None, by_p: Array | None, hot: Array | None) -> Array:
        """Return ∂L/∂z from ∂L/∂log p (of the label's class or of all) and ∂L/∂p.

        `hot` is 1 where the class is the label's and 0 elsewhere.
        """
        xp, dz = self.xp, None
        if by_p is not None:
            # dz = p (s − Σ p s) stays as it is when a constant is taken from s. Taking that of the
            # largest class leaves a sum over the others alone, which does not cancel.
            # A compiler may compute logits twice with different roundings, so that none is at the
            # top: then any constant will do, 0 for one.
            ties = xp.clip(self.ties, 1, self.z.shape[1])
            at_top = xp.sum(self.top * by_p, axis=1, keepdims=True) / ties
            s = by_p - at_top
            dz = self.p * (s - xp.sum(self.p * s, axis=1, keepdims=True))
        if by_log_p is not None:
            if hot is not None:
                pixel = by_log_p * (hot * self.q - (self.p - hot * self.p))
            else:
                others = xp.sum(by_log_p, axis=1, keepdims=True) - by_log_p
                pixel = by_log_p * self.q - self.p * others
            dz = pixel if dz is None else dz + pixel
        return dz


class Given:
    """Probabilities z given as they are; their gradient is by the probabilities."""

    def __init__(self, xp: Any, z: Array, label: Array | None) -> None:
        self.xp, self.z, self.label = xp, z, label
        self.p = z
        self.picked = z if label is None else xp.pick(z, label, axis=1)
        self.q = 1 - self.picked

    def logarithms(self, t: Array) -> tuple[Array, Array]:
        """Return log p and log(1 − p); where p = 0 is not the target, any finite log p serves."""
        xp, p = self.xp, self.picked
        tiny = xp.tiny(p)
        needed = p if self.label is not None else xp.where((p > 0) | (t > 0), p, tiny)
        log_q = xp.where(p < 1, xp.log1p(-p), xp.log(tiny))
        return xp.log(needed), log_q

    def chain(self, by_log_p: Array | None, by_p: Array | None, hot: Array | None) -> Array:
        """Return ∂L/∂p from ∂L/∂log p (of the label's class or of all) and ∂L/∂p by the sums."""
        xp = self.xp
        dz = xp.zeros_like(self.z) if by_p is None else by_p
        if by_log_p is not None:
            slope = xp.where(by_log_p != 0, by_log_p / self.picked, 0.0)
            dz = dz + (slope if hot is None else xp.where(hot != 0, slope, 0.0))
        return dz
