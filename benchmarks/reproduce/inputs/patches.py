"""Boxes of an image: at random places for training, padded where they reach beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Pixel = TypeVar("Pixel", bound=np.generic)


def random_start(
    rng: np.random.Generator, shape: Sequence[int], patch: Sequence[int]
) -> NDArray[np.int64]:
    """Where a patch begins: anywhere within the image, or the image anywhere within the patch."""
    room = np.subtract(shape, patch)
    return rng.integers(np.minimum(room, 0), np.maximum(room, 0), endpoint=True)


def crop(array: NDArray[Pixel], start: Sequence[int] | NDArray[Any], size: Sequence[int]) -> Any:
    """A new array of this ``size`` from ``start`` on; 0 where ``array`` has nothing."""
    box = np.zeros(tuple(size), array.dtype)
    begin = np.maximum(start, 0)
    end = np.maximum(np.minimum(np.add(start, size), array.shape), begin)
    inside = tuple(slice(b, e) for b, e in zip(begin - start, end - start, strict=True))
    box[inside] = array[tuple(slice(b, e) for b, e in zip(begin, end, strict=True))]
    return box
