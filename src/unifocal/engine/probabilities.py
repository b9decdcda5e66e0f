"""Probabilities of one block, their logarithms, and the chain from them to the logits.

p, log p and log(1 − p) come from the logits without cancellation: the other classes' exponentials
are summed, not got as a difference. So 1 − p keeps its relative precision however saturated a pixel
is.

Whatever has classes comes in slabs; `hit` holds the target, in the dtype of arithmetic. With a
`label` (n, M), the class index, 1 − p and the logarithms are those of the label's class, in one
slab with a class axis of length 1; without it, of all classes.

Selections are written as products with masks of 0 and 1, which are exact and which processors do
many times faster than `where` or a comparison that yields bools.
"""

from __future__ import annotations

from functools import reduce
from operator import add, mul, sub
from typing import Any

from unifocal.engine.slabs import Slabs, alike, each, largest, pick, total
from unifocal_spec.definition import Array
from unifocal_spec.regions import Slopes

Logarithms = tuple[Slabs, Slabs]
"""log p and log(1 − p)."""


class Softmax:
    """The softmax of logits z over the classes."""

    def __init__(self, xp: Any, z: Slabs, hit: Slabs, label: Array | None) -> None:
        self.xp, self.label, self.hit = xp, label, hit
        self.miss = each(lambda h: 1 - h, hit)
        dtype = hit[0].dtype
        highest = xp.astype(largest(xp, z), dtype)
        distance = each(lambda x: xp.astype(x, dtype) - highest, z)
        self.exp = exp = each(xp.exp, distance)
        # `others` is the sum over the other classes, `rest` that over all but the largest logit's.
        if label is None:
            top = each(xp.floor, exp)  # 1 at the top, and where exp is rounded to 1; 0 elsewhere
            rest = total(xp, each(sub, exp, top)) + (total(xp, top) - 1)
            others = each(lambda e: rest + (1 - e), exp)
        else:
            distance = (pick(xp, distance, label),)
            others = (total(xp, each(mul, exp, self.miss)),)
            rest = others[0] - (1 - total(xp, each(mul, exp, hit)))
        norm = 1 + rest
        self.p, self.q = each(lambda e: e / norm, exp), each(lambda o: o / norm, others)
        self.distance, self.rest = distance, rest

    def logarithms(self) -> Logarithms:
        """Return log p and log(1 − p)."""
        xp, log_norm = self.xp, self.xp.log1p(self.rest)
        log_p = each(lambda d: d - log_norm, self.distance)
        return log_p, each(lambda q: xp.log(xp.at_least_tiny(q)), self.q)

    def chain(self, by_log_p: Slabs | None, slopes: Slopes) -> Slabs:
        """Return ∂L/∂z from ∂L/∂log p (of the label's class or of all) and the sums' slopes."""
        xp, p, parts = self.xp, self.p, []
        if slopes.tp is not None:
            # dz = p (s − Σ p s) stays as it is when a constant is taken from s. Taking that of the
            # largest class leaves a sum over the others alone, which does not cancel. Where
            # several are the largest, or none (a compiler may compute logits twice with different
            # roundings), any constant will do: nothing is saturated there.
            s = _by_p(self, slopes)
            constant = total(xp, each(lambda e, x: xp.floor(e) * x, self.exp, s))
            s = each(lambda x: x - constant, s)
            mean = total(xp, each(mul, p, s))
            parts.append(each(lambda p, x: p * (x - mean), p, s))
        if by_log_p is not None:
            if self.label is not None:
                (by,), (q,) = by_log_p, self.q
                parts.append(each(lambda p, h, m: by * (h * q - m * p), p, self.hit, self.miss))
            else:
                every = total(xp, by_log_p)
                parts.append(each(lambda by, p, q: by * q - p * (every - by), by_log_p, p, self.q))
        return reduce(lambda one, other: each(add, one, other), parts)


class Given:
    """Probabilities z given as they are; their gradient is by the probabilities."""

    def __init__(self, xp: Any, z: Slabs, hit: Slabs, label: Array | None) -> None:
        self.xp, self.label, self.hit = xp, label, hit
        self.p = each(lambda x: xp.astype(x, hit[0].dtype), z)
        self.miss = each(lambda h: 1 - h, hit)
        self.picked = self.p if label is None else (pick(xp, self.p, label),)
        self.q = each(lambda p: 1 - p, self.picked)

    def logarithms(self) -> Logarithms:
        """Return log p and log(1 − p); where p = 0 is not the target, any finite log p serves."""
        xp, picked = self.xp, self.picked
        needed = picked
        if self.label is None:
            needed = each(lambda p, h: xp.where((p > 0) | (h > 0), p, xp.tiny(p)), picked, self.hit)
        log_q = each(lambda p: xp.where(p < 1, xp.log1p(-p), xp.log(xp.tiny(p))), picked)
        return each(xp.log, needed), log_q

    def chain(self, by_log_p: Slabs | None, slopes: Slopes) -> Slabs:
        """Return ∂L/∂p from ∂L/∂log p (of the label's class or of all) and the sums' slopes."""
        xp = self.xp
        dz = each(xp.zeros_like, self.p) if slopes.tp is None else _by_p(self, slopes)
        if by_log_p is not None:
            slope = each(lambda by, p: xp.where(by != 0, by / p, 0.0), by_log_p, self.picked)
            if self.label is not None:
                slope = each(lambda h: xp.where(h != 0, slope[0], 0.0), self.hit)
            dz = each(add, dz, slope)
        return dz


def overlaps(p: Softmax | Given) -> tuple[Slabs, Slabs, Slabs]:
    """Return the terms of TP, FP and FN."""
    q = p.q * (len(p.p) // len(p.q))  # that of the label's class stands for every slab
    return each(mul, p.hit, p.p), each(mul, p.miss, p.p), each(mul, p.hit, q)


def _by_p(p: Softmax | Given, slopes: Slopes) -> Slabs:
    """∂L/∂p by way of the sums."""
    hits, misses = alike(slopes.tp - slopes.fn, p.p), alike(slopes.fp, p.p)
    return each(lambda h, a, m, b: h * a + m * b, p.hit, hits, p.miss, misses)
