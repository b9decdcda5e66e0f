"""Prediction of an image that is larger than the network's input, window by window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.reproduce.inputs.patches import crop

Array = NDArray[np.float32]


def starts(length: int, patch: int, overlap: int) -> list[int]:
    """Where windows begin along an axis; the last one ends with the axis."""
    last = max(length - patch, 0)
    return [*range(0, last, patch - overlap), last]


def sliding_window(
    predict: Callable[[Array], Array],
    image: Array,
    patch: Sequence[int],
    overlap: Sequence[int],
    batch: int,
) -> Array:
    """The mean of what ``predict`` says about each pixel of an image (*spatial, 1).

    ``predict`` takes windows (B, *patch, 1) and gives (B, *patch, C). An image smaller than the
    patch is padded with 0 behind, and cut again.
    """
    if not all(0 <= o < p for o, p in zip(overlap, patch, strict=True)):
        raise ValueError(f"overlap: expected 0 to less than the patch {patch}, got {overlap}")
    shape, size = image.shape[:-1], (*patch, image.shape[-1])
    corners = list(product(*map(starts, shape, patch, overlap)))
    padded = tuple(np.maximum(shape, patch))
    total, count = None, np.zeros((*padded, 1), np.float32)
    for first in range(0, len(corners), batch):
        some = corners[first : first + batch]
        windows = np.stack([crop(image, (*corner, 0), size) for corner in some])
        for corner, prediction in zip(some, np.asarray(predict(windows)), strict=True):
            if total is None:
                total = np.zeros((*padded, prediction.shape[-1]), np.float32)
            window = tuple(slice(c, c + p) for c, p in zip(corner, patch, strict=True))
            total[window] += prediction
            count[window] += 1
    return (total / count)[tuple(slice(n) for n in shape)]
