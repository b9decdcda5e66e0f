"""Golden vectors of different shapes in arrays of one shape, for what compiles each shape anew.

A pixel of weight 0 counts as if it were not there, so a case fills up with such pixels, and with
samples of nothing else. A sample like that has loss 0 and takes part in the mean over samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from unifocal.certificate.golden import Golden
from unifocal_spec import LOSSES, OPTIONS

Array = np.ndarray[Any, Any]

SAMPLES, CLASSES = 2, 3


def fits(vector: Golden) -> bool:
    """Whether a case can be padded: class indices, default options and hyperparameters."""
    defaults = OPTIONS | LOSSES[vector.loss].defaults
    changed = {name for name, value in vector.keywords.items() if value != defaults[name]}
    samples, classes = vector.logits.shape[:2]
    return (
        changed <= {"ignore_index"}
        and vector.target.ndim < vector.logits.ndim
        and samples <= SAMPLES
        and classes == CLASSES
    )


def pad(vector: Golden, pixels: int) -> tuple[Array, Array, Array]:
    """Return logits (samples, classes, pixels), target and weight (samples, pixels)."""
    samples, count = vector.logits.shape[0], int(np.prod(vector.logits.shape[2:]))
    ignored = vector.target == vector.keywords["ignore_index"]
    given = 1.0 if vector.weight is None else vector.weight
    weights = np.where(ignored, 0.0, np.broadcast_to(given, vector.target.shape))
    logits = np.zeros((SAMPLES, CLASSES, pixels))
    target = np.zeros((SAMPLES, pixels), np.int64)
    weight = np.zeros((SAMPLES, pixels))
    logits[:samples, :, :count] = vector.logits.reshape(samples, CLASSES, count)
    target[:samples, :count] = np.where(ignored, 0, vector.target).reshape(samples, count)
    weight[:samples, :count] = weights.reshape(samples, count)
    return logits, target, weight


def cut(gradient: Array, vector: Golden) -> Array:
    """Return what belongs to the case itself of a gradient by padded logits."""
    samples, count = vector.logits.shape[0], int(np.prod(vector.logits.shape[2:]))
    return gradient[:samples, :, :count].reshape(vector.logits.shape)


def scale(vector: Golden) -> float:
    """How many times smaller the mean over samples became, and with it the gradient."""
    return SAMPLES / vector.logits.shape[0]
