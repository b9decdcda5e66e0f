"""The arrays that a loss is measured on: logits and class indices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

FOREGROUND = 0.05
"""The share of pixels that are not background."""


@dataclass(frozen=True)
class Workload:
    """A batch of logits."""

    title: str
    samples: int
    classes: int
    spatial: tuple[int, ...]
    dtype: str = "float32"

    @property
    def pixels(self) -> int:
        """How many pixels there are in all samples."""
        return self.samples * math.prod(self.spatial)

    def logits(self, axis: int) -> Array:
        """Noise, classes along axis 1 or -1."""
        shape = (self.samples, self.classes, *self.spatial)
        noise = np.random.default_rng(0).standard_normal(shape, np.float32)
        return np.ascontiguousarray(np.moveaxis(noise, 1, axis), self.dtype)

    def labels(self, dtype: type[np.integer[Any]]) -> Array:
        """Mostly background."""
        rng, shape = np.random.default_rng(1), (self.samples, *self.spatial)
        foreground = rng.integers(1, self.classes, shape, dtype)
        return np.where(rng.random(shape, np.float32) < FOREGROUND, foreground, dtype(0))


def _image(rows: int) -> Workload:
    return Workload(f"{rows * 100:,} pixels", 1, 2, (rows, 100))


SIZES = {f"1e{power}": _image(10 ** (power - 2)) for power in (4, 5, 6, 7, 8)}
"""Two classes, ever more pixels."""

CLASSES = {
    f"c{classes}": Workload(f"{classes} classes, 256×512", 1, classes, (256, 512))
    for classes in (2, 4, 8, 16, 32, 64)
}
"""The same pixels, ever more classes."""

WORKLOADS = {
    "kits19": Workload("KiTS19 patch, 2×3×80×160×160", 2, 3, (80, 160, 160)),
    "bus": Workload("BUS batch, 32×2×128×128", 32, 2, (128, 128)),
    "tiny": Workload("one image of 8×8", 1, 2, (8, 8)),
    "half": Workload("KiTS19 patch in float16", 2, 3, (80, 160, 160), "float16"),
    **SIZES,
    **CLASSES,
}
