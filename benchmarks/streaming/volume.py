"""A volume of any size whose loss is known: one tile of pixels, over and over.

A tile that stands there n times has n times its sums. So the loss of the whole is that of the tile
with weight n in every pixel, and the gradient in each copy is the tile's divided by n. Where the
last tile is cut off, its missing pixels stand there once less than the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

TILE = 101
"""Pixels of the tile: few, since the truth takes 50 digits, and a prime, so no piece begins as the
piece before it."""
CLASSES = 2
FOREGROUND = 0.05
PIECE = 1 << 22
"""Pixels of a piece: 32 MiB of logits."""


def tile() -> tuple[Array, Array]:
    """Float32 logits (1, C, pixels) and mostly background labels (1, pixels) of one byte."""
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=3.0, size=(1, CLASSES, TILE)).astype(np.float32)
    return logits, (rng.random((1, TILE)) < FOREGROUND).astype(np.uint8)


@dataclass(frozen=True)
class Volume:
    """Voxels in one long row, of which a piece at a time is made."""

    voxels: int

    def borders(self) -> Iterator[tuple[int, int]]:
        """First voxel of every piece, and the one after its last."""
        for first in range(0, self.voxels, PIECE):
            yield first, min(first + PIECE, self.voxels)

    def piece(self, first: int, end: int) -> tuple[Array, Array]:
        """Logits and labels, as they would be read from a file."""
        logits, labels = (repeated(x, first, end) for x in tile())
        return logits, labels

    def copies(self) -> Array:
        """How often each pixel of the tile stands in the volume, (1, pixels)."""
        whole, rest = divmod(self.voxels, TILE)
        return (whole + (np.arange(TILE) < rest)).astype(np.float64)[None]

    def truth(self, loss: str) -> tuple[float, Array]:
        """Loss of the whole, and its gradient by one tile's logits, both from 50 digits."""
        from unifocal.certificate import oracle

        copies = self.copies()
        value, gradient = oracle.value_and_grad(loss, *tile(), copies)
        return float(value), gradient / copies


def repeated(x: Array, first: int, end: int) -> Array:
    """The entries from `first` to `end` of a row that repeats the last axis of `x`."""
    begins = np.roll(x, -first, axis=-1)
    return np.tile(begins, -(-(end - first) // TILE))[..., : end - first]
