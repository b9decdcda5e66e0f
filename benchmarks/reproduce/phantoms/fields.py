"""What the phantoms of every modality are made of: random fields, exact volumes, shares of a set.

Coordinates of a ``Grid`` run from 0 to 1 along each axis and lengths are fractions of it, so that a
phantom is the same anatomy at every size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.stats import gamma

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Shape = tuple[int, ...]


def grid(shape: Shape) -> list[Map]:
    """The position of every pixel centre along each axis, from 0 to 1; the arrays broadcast."""
    axes = [(np.arange(n, dtype=np.float32) + 0.5) / np.float32(n) for n in shape]
    return np.meshgrid(*axes, indexing="ij", sparse=True)


def smooth_noise(rng: np.random.Generator, shape: Shape, sigma: Sequence[float]) -> Map:
    """A Gaussian random field of unit variance with these correlation lengths in pixels.

    Filtered in Fourier space, where a wide kernel costs no more than a narrow one.
    """
    axes = tuple(range(len(shape)))
    spectrum = fft.rfftn(rng.standard_normal(shape, dtype=np.float32))
    for axis, (n, s) in enumerate(zip(shape, sigma, strict=True)):
        frequency = fft.rfftfreq(n) if axis == axes[-1] else fft.fftfreq(n)
        response = np.exp(-2 * np.pi**2 * (s * frequency) ** 2).astype(np.float32)
        spectrum *= response.reshape([-1 if a == axis else 1 for a in axes])
    field = fft.irfftn(spectrum, s=shape, axes=axes)
    standard: Map = (field - field.mean()) / field.std()
    return standard


def texture(rng: np.random.Generator, shape: Shape, length: float) -> Map:
    """Smooth noise whose correlation length is this fraction of each axis."""
    return smooth_noise(rng, shape, [length * n for n in shape])


def tubes(rng: np.random.Generator, shape: Shape, length: float, radius: float) -> Map:
    """Winding tubes: where two random fields vanish together. 1 in their middle, 0 outside."""
    squares = texture(rng, shape, length) ** 2 + texture(rng, shape, length) ** 2
    inside: Map = np.exp(-squares / radius**2)
    return inside


def ellipsoid(axes: Sequence[Map], centre: Sequence[float], radii: Sequence[float]) -> Map:
    """The distance from ``centre`` in units of the ``radii``: 1 on the surface."""
    parts = zip(axes, centre, radii, strict=True)
    distance: Map = np.sqrt(sum(((x - c) / r) ** 2 for x, c, r in parts))
    return distance


def lowest(field: Map, count: int, within: Mask | None = None) -> Mask:
    """The ``count`` pixels where ``field`` is lowest: a shape of exactly this volume."""
    candidates = np.arange(field.size) if within is None else np.flatnonzero(within)
    if count > candidates.size:
        raise ValueError(f"count: expected at most {candidates.size} pixels, got {count}")
    inside = np.zeros(field.size, bool)
    ranked = np.argpartition(field.ravel()[candidates], max(count - 1, 0))
    inside[candidates[ranked[:count]]] = True
    return inside.reshape(field.shape)


def spread(
    rng: np.random.Generator,
    cases: int,
    mean: float,
    shape: float,
    limits: tuple[float, float],
) -> NDArray[np.float64]:
    """Shares of a set of cases, whose mean is ``mean`` for every seed, in random order.

    They are quantiles of a gamma distribution with this ``shape`` parameter, clipped to ``limits``
    and scaled.
    """
    quantiles = gamma.ppf((np.arange(cases) + 0.5) / cases, shape, scale=mean / shape)
    shares = np.clip(quantiles, *limits)
    return rng.permutation(shares * mean / shares.mean())
