"""Networks without padding: how much they must see, and what lies in the centre of what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np

LOST = 4
"""Pixels that two 3-convolutions without padding take from an axis."""


class Sizes(NamedTuple):
    """Pixels along one axis."""

    seen: int
    given: int


def sizes(wanted: int, depth: int) -> Sizes:
    """The smallest input that gives at least ``wanted`` logits, and how many it gives.

    With b pixels at the bottom, the way up from it ends at 2^d (b − 4) − 4 (2^d − 1) and the way to
    it began at 2^d b + 4 (2^d − 1): every pooling meets an even number.
    """
    scale = 2**depth
    margin = LOST * (scale - 1)
    bottom = LOST + -(-(wanted + margin) // scale)
    return Sizes(scale * bottom + margin, scale * (bottom - LOST) - margin)


def mirrored(image: keras.KerasTensor, shape: Sequence[int]) -> keras.KerasTensor:
    """``image`` in the centre of ``shape``, mirrored at its borders as often as it takes."""
    for axis, (size, wanted) in enumerate(zip(image.shape[1:-1], shape, strict=True), start=1):
        before = (wanted - size) // 2
        source = np.pad(np.arange(size), (before, wanted - size - before), mode="reflect")
        image = keras.ops.take(image, source, axis=axis)
    return image


def centre(x: keras.KerasTensor, shape: Sequence[int]) -> keras.KerasTensor:
    """The part of ``shape`` in the middle of ``x``; itself where it has that shape."""
    if tuple(x.shape[1:-1]) == tuple(shape):
        return x
    starts = [(size - kept) // 2 for size, kept in zip(x.shape[1:-1], shape, strict=True)]
    kept = (slice(start, start + size) for start, size in zip(starts, shape, strict=True))
    return x[(slice(None), *kept)]
