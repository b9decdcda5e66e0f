"""Seeded arrays and the measures that the backend tests share."""

from __future__ import annotations

from typing import Any

import numpy as np

from unifocal_spec import LOSSES

NAMES = list(LOSSES)
KINDS = ["focal", "dice", "unified_focal"]
"""A loss of pixels, one of regions and one of both: parity is tested on all, elsewhere."""


def class_name(loss: str) -> str:
    return "".join(word.capitalize() for word in loss.split("_"))


def volume(
    *spatial: int, samples: int = 2, classes: int = 3, seed: int = 0, axis: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Float32 logits and int64 labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2.0, size=(samples, *spatial, classes)).astype("float32")
    labels = rng.integers(0, classes, size=(samples, *spatial))
    return np.ascontiguousarray(np.moveaxis(logits, -1, axis)), labels


def relative(found: Any, wanted: Any) -> float:
    """The largest deviation, by the largest entry of what is wanted."""
    wanted = np.asarray(wanted, dtype="float64")
    deviation = np.abs(np.asarray(found, dtype="float64") - wanted).max()
    return float(deviation / np.abs(wanted).max())


def unbalanced_volume(axis: int) -> tuple[np.ndarray, np.ndarray]:
    """A large volume with a rare class, where a careless float32 sum is wrong."""
    logits, labels = volume(64, 64, 64, axis=axis)
    labels[:, :60] = 0
    return logits, labels
