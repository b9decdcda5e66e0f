"""One way of reading a loss's formula, as numbers per class, and what that reading gives.

Every loss is one point of one family (see `unifocal_spec.claims.family`),

    a · (average over pixels of Σ_c ω_c (1 − p_c)^γ_c t_c (−log p_c))
    + b · (average over classes of (1 − TI_c)^κ_c − offset),

and implementations differ in its coefficients, in how they average, and in where they smooth. It is
written here a third time, in NumPy alone, because the package's own losses can only be read in one
way. Arrays of probes have the shape (B, N, K, M, C): B probes, N samples, K problems (sigmoid
channels, else 1), M pixels, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
Sums = tuple[Array, Array, Array]
Activation = Literal["softmax", "sigmoid"]


@dataclass(frozen=True)
class PixelReading:
    """How the pixel part is read."""

    factor: tuple[float, ...]
    """ω_c."""
    focusing: tuple[float, ...]
    """γ_c."""
    pixels: str
    """"mean", "mean over classes too", "sum", "sum, mean over samples", "mean, sum over samples"
    or "divided by factors"."""


@dataclass(frozen=True)
class RegionReading:
    """How the region part is read."""

    false_positives: float
    false_negatives: float
    above: float
    """What is added to the numerator of the Tversky index."""
    below: float
    """What is added to its denominator."""
    power: tuple[float, ...]
    """κ_c."""
    power_of: str
    """Whether κ is the exponent of "each class" or of "the mean"."""
    squared: bool
    """Whether p² and t² stand in the sums of p and t."""
    regions: str
    """"sample", "sample, summed" or "batch"."""
    classes: str
    """"mean", "sum", "foreground", "first" or "pooled"."""
    absent: str
    """"include", "skip" or "zero"."""
    offset: float = 0.0
    """What is taken from every class: 1 turns 1 − TI into −TI."""


@dataclass(frozen=True)
class Shares:
    """How much of the two parts makes the loss."""

    pixel: float
    region: float


class Probabilities:
    """Probabilities and targets of a stack of probes, with the sums that many readings share."""

    def __init__(self, logits: Array, labels: Array, activation: Activation):
        """Take logits (B, N, C, …) and labels (B, N, …)."""
        z = np.moveaxis(logits.reshape(*logits.shape[:3], -1), 2, -1)
        one_hot = np.eye(z.shape[-1])[labels.reshape(*labels.shape[:2], -1)]
        if activation == "sigmoid":
            z, foreground = np.moveaxis(z, -1, 2), np.moveaxis(one_hot, -1, 2)
            z = np.stack([np.zeros_like(z), z], axis=-1)
            self.t = np.stack([1 - foreground, foreground], axis=-1)
        else:
            z, self.t = z[:, :, None], one_hot[:, :, None]
        exponentials = np.exp(z - z.max(axis=-1, keepdims=True))
        total = exponentials.sum(axis=-1, keepdims=True)
        self.p = exponentials / total
        # 1 − p from what is left, so that nothing cancels.
        others = np.stack(
            [np.delete(exponentials, c, axis=-1).sum(axis=-1) for c in range(z.shape[-1])], axis=-1
        )
        self.q = others / total

    @cached_property
    def log_p(self) -> Array:
        """log p, from 1 − p where that is the more precise."""
        return np.asarray(np.log1p(-self.q, out=np.log(self.p), where=self.q < 0.5))

    @property
    def classes(self) -> int:
        """How many classes a problem has."""
        return int(self.t.shape[-1])

    @cached_property
    def present(self) -> Array:
        """Σ t, shape (B, N, K, C)."""
        return np.asarray(self.t.sum(axis=3))

    @cached_property
    def plain(self) -> Sums:
        """TP, FP and FN."""
        p, q, t = self.p, self.q, self.t
        return (p * t).sum(axis=3), (p * (1 - t)).sum(axis=3), (q * t).sum(axis=3)

    @cached_property
    def squared(self) -> Sums:
        """TP, Σ p² − TP and Σ t² − TP."""
        tp = self.plain[0]
        return tp, (self.p**2).sum(axis=3) - tp, (self.t**2).sum(axis=3) - tp


def pixel_part(data: Probabilities, reading: PixelReading) -> Array:
    """Return the pixel part of every probe."""
    factor = np.array(reading.factor)
    terms = factor * data.q ** np.array(reading.focusing) * data.t * -data.log_p
    terms = terms.sum(axis=-1)
    total, axes = terms.sum(axis=(1, 2, 3)), terms.shape[1:]
    samples, count = axes[0], int(np.prod(axes))
    divisor: Any = {
        "mean": count,
        "mean over classes too": count * data.classes,
        "sum": 1,
        "sum, mean over samples": samples,
        "mean, sum over samples": count / samples,
        "divided by factors": (factor * data.t).sum(axis=(1, 2, 3, 4)),
    }[reading.pixels]
    return np.asarray(total / divisor)


def _counted(reading: RegionReading, present: Array) -> Array:
    """Return 1 for every class that the average over classes counts."""
    kept = np.ones(present.shape[-1])
    if reading.classes in ("foreground", "first"):
        kept[0] = 0
    if reading.classes == "first":
        kept[2:] = 0
    return kept * (present > 0) if reading.absent == "skip" else kept + 0 * present


def _pooled(sums: Sums, axis: int) -> Sums:
    tp, fp, fn = (s.sum(axis=axis, keepdims=True) for s in sums)
    return tp, fp, fn


def region_part(data: Probabilities, reading: RegionReading) -> Array:
    """Return the region part of every probe."""
    sums = data.squared if reading.squared else data.plain
    present = data.present
    if reading.regions == "batch":
        sums = _pooled(sums, 1)
        present = present.sum(axis=1, keepdims=True)
    power = np.array(reading.power)
    if reading.classes == "pooled":
        sums = _pooled(sums, -1)
        present, power = present.sum(axis=-1, keepdims=True), power[:1]
    tp, fp, fn = sums
    error = reading.false_positives * fp + reading.false_negatives * fn
    loss = (error + reading.below - reading.above) / (tp + error + reading.below)
    counted = _counted(reading, present)
    norm = 1 if reading.classes == "sum" else np.maximum(counted.sum(axis=-1), 1)
    if reading.absent == "zero":
        counted = counted * (present > 0)
    if reading.power_of == "the mean":
        of_region = ((counted * loss).sum(axis=-1) / norm) ** power[0]
    else:
        of_region = (counted * (loss**power - reading.offset)).sum(axis=-1) / norm
    of_sample = of_region.mean(axis=2)
    return np.asarray(
        of_sample.sum(axis=1) if reading.regions == "sample, summed" else of_sample.mean(axis=1)
    )
