"""Probabilities of one block, their logarithms, and the chain from them to the logits.

p, log p and log(1 − p) come from the logits without cancellation: the largest logit is left out of
the sum of exponentials, not subtracted afterwards. So 1 − p keeps its relative precision however
saturated a pixel is.

Arrays have three axes: problem, and class and pixel in the order of the backend (`k` is the class
axis, 1 or 2). `label` is the class index (problem, pixel), or None for values of all classes.

Selections are written as products with masks of 0 and 1, which are exact and which processors do
many times faster than `where` with a broadcast condition.
"""

from __future__ import annotations

from typing import Any

from unifocal_spec.definition import Array


class Softmax:
    """The softmax of logits z over the class axis k."""

    def __init__(self, xp: Any, z: Array, k: int) -> None:
        self.xp, self.z, self.k = xp, z, k
        self.d = z - xp.max(z, axis=k, keepdims=True)
        self.exp = xp.exp(self.d)
        self.top = xp.astype(self.d == 0, z.dtype)
        self.ties = xp.sum(self.top, axis=k, keepdims=True)
        # exp is exactly 1 at the top, so this difference leaves the top out without rounding.
        self.rest = xp.sum(self.exp - self.top, axis=k, keepdims=True) + (self.ties - 1)
        self.norm = 1 + self.rest
        self.p = self.exp / self.norm

    def _pick(self, x: Array, label: Array | None) -> Array:
        return x if label is None else self.xp.pick(x, label, self.k)

    def q(self, label: Array | None) -> Array:
        """Return 1 − p, of the label's class or of all."""
        return (self.rest + (1 - self._pick(self.exp, label))) / self.norm

    def logarithms(self, label: Array | None, t: Array) -> tuple[Array, Array]:
        """Return log p and log(1 − p), of the label's class or of all."""
        xp, q = self.xp, self.q(label)
        log_p = self._pick(self.d, label) - xp.log1p(self.rest)
        return log_p, xp.log(xp.maximum(q, xp.tiny(q)))

    def chain(
        self, by_log_p: Array | None, by_p: Array | None, label: Array | None, hot: Array | None
    ) -> Array:
        """Return ∂L/∂z from ∂L/∂log p (of the label's class or of all) and ∂L/∂p.

        `hot` is 1 where the class is the label's and 0 elsewhere.
        """
        xp, k, dz = self.xp, self.k, None
        if by_p is not None:
            # dz = p (s − Σ p s) stays as it is when a constant is taken from s. Taking that of the
            # largest class leaves a sum over the others alone, which does not cancel.
            # A compiler may compute logits twice with different roundings, so that none is at the
            # top: then any constant will do, 0 for one.
            ties = xp.clip(self.ties, 1, self.z.shape[k])
            at_top = xp.sum(self.top * by_p, axis=k, keepdims=True) / ties
            s = by_p - at_top
            dz = self.p * (s - xp.sum(self.p * s, axis=k, keepdims=True))
        if by_log_p is not None:
            if hot is not None:
                pixel = by_log_p * (hot * self.q(label) - (self.p - hot * self.p))
            else:
                others = xp.sum(by_log_p, axis=k, keepdims=True) - by_log_p
                pixel = by_log_p * self.q(None) - self.p * others
            dz = pixel if dz is None else dz + pixel
        return dz


class Given:
    """Probabilities z given as they are; their gradient is by the probabilities."""

    def __init__(self, xp: Any, z: Array, k: int) -> None:
        self.xp, self.z, self.k = xp, z, k
        self.p = z

    def _pick(self, x: Array, label: Array | None) -> Array:
        return x if label is None else self.xp.pick(x, label, self.k)

    def q(self, label: Array | None) -> Array:
        """Return 1 − p, of the label's class or of all."""
        return 1 - self._pick(self.z, label)

    def logarithms(self, label: Array | None, t: Array) -> tuple[Array, Array]:
        """Return log p and log(1 − p); where p = 0 is not the target, any finite log p serves."""
        xp, p = self.xp, self._pick(self.z, label)
        tiny = xp.tiny(p)
        needed = p if label is not None else xp.where((p > 0) | (t > 0), p, tiny)
        log_q = xp.where(p < 1, xp.log1p(-p), xp.log(tiny))
        return xp.log(needed), log_q

    def chain(
        self, by_log_p: Array | None, by_p: Array | None, label: Array | None, hot: Array | None
    ) -> Array:
        """Return ∂L/∂p from ∂L/∂log p (of the label's class or of all) and ∂L/∂p by the sums."""
        xp = self.xp
        dz = xp.zeros_like(self.z) if by_p is None else by_p
        if by_log_p is not None:
            slope = xp.where(by_log_p != 0, by_log_p / self._pick(self.z, label), 0.0)
            dz = dz + (slope if hot is None else xp.where(hot != 0, slope, 0.0))
        return dz
