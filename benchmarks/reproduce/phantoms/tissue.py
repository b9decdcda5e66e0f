"""Breast tissue as a B-mode scanner sees it: echogenicity in, speckled grey levels out.

All maps are in decibels on a (depth, lateral) grid whose coordinates run from 0 to 1. The speckle
is not painted on: fully developed speckle *is* a circular complex Gaussian field under a point
spread function, and its magnitude is Rayleigh distributed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from benchmarks.reproduce.phantoms.fields import Map, smooth_noise


class Grid(NamedTuple):
    """Depth and lateral position of every pixel, each in [0, 1]."""

    depth: Map
    lateral: Map

    @classmethod
    def of(cls, rows: int, columns: int) -> Grid:
        """The pixel centres of a ``rows`` by ``columns`` image."""
        depth, lateral = np.mgrid[0.5:rows, 0.5:columns]
        return cls(depth / rows, lateral / columns)


def fibres(rng: np.random.Generator, grid: Grid, thickness: float) -> Map:
    """Bright curved strands across the beam: the zero lines of a random field, in [0, 1]."""
    rows, columns = grid.depth.shape
    field = smooth_noise(rng, (rows, columns), (rows / 26, columns / 9))
    patches = smooth_noise(rng, (rows, columns), (rows / 12, columns / 8))
    strands: Map = np.exp(-((field / thickness) ** 2)) / (1 + np.exp(-3 * patches))
    return strands


def layers(rng: np.random.Generator, grid: Grid) -> Map:
    """Skin, fat with ligaments, fibrous gland, fascia, striated muscle: echogenicity in dB."""
    rows, columns = grid.depth.shape
    tilt = rng.normal(0, 0.06) * (grid.lateral[:1] - 0.5)
    wave = [tilt + 0.03 * smooth_noise(rng, (1, columns), (0, columns / 7)) for _ in range(2)]
    skin = rng.uniform(0.015, 0.04)
    fat = rng.uniform(0.14, 0.36) + wave[0]
    gland = rng.uniform(0.60, 0.95) + wave[1]
    texture = smooth_noise(rng, (rows, columns), (rows / 60, columns / 25))
    ducts = smooth_noise(rng, (rows, columns), (rows / 45, columns / 18))
    striae = smooth_noise(rng, (rows, columns), (rows / 90, columns / 6))

    depth = grid.depth
    tissue = np.select(
        [depth < skin, depth < fat, depth < gland],
        [
            np.full_like(depth, 3.0),
            -9 + 10 * fibres(rng, grid, 0.10) + texture,
            rng.uniform(-4, 0) + 8 * fibres(rng, grid, 0.22) + 2 * texture - 5 * (ducts > 1.1),
        ],
        -8 + 4 * striae + 8 * fibres(rng, grid, 0.15),
    )
    fascia = (
        8
        * np.exp(-(((depth - gland) / 0.012) ** 2))
        * smooth_noise(rng, (rows, columns), (rows / 20, columns / 10))
    )
    blurred: Map = gaussian_filter(tissue, (rows / 220, columns / 150)) + fascia
    return blurred


def shadow(absorber: Map, gain: float) -> Map:
    """Decibels that everything below ``absorber`` loses (negative gain) or wins (enhancement)."""
    path = np.cumsum(absorber, axis=0) / absorber.shape[0]
    lateral: Map = gaussian_filter1d(path, absorber.shape[1] / 60, axis=1)
    return gain * lateral


def speckle(rng: np.random.Generator, grid: Grid) -> Map:
    """Envelope of a fully developed speckle field, mean power 1, wider laterally with depth."""
    near, far = (
        smooth_noise(rng, grid.depth.shape, (0.9, lateral))
        + 1j * smooth_noise(rng, grid.depth.shape, (0.9, lateral))
        for lateral in (1.2, 2.8)
    )
    angle = np.pi / 2 * grid.depth
    envelope: Map = np.abs(np.cos(angle) * near + np.sin(angle) * far) / np.sqrt(2)
    return envelope


def scan(rng: np.random.Generator, grid: Grid, echo: Map) -> NDArray[np.uint8]:
    """The scanner's picture of ``echo``: attenuation, compounded speckle, log compression."""
    attenuation = rng.uniform(8, 30) * np.clip(grid.depth - rng.uniform(0.2, 0.5), 0, None)
    contact = rng.uniform(0, 8) * np.abs(2 * grid.lateral - 1) ** 4
    looks = np.mean([speckle(rng, grid) for _ in range(int(rng.integers(2, 4)))], axis=0)
    level = echo - attenuation - contact + 20 * np.log10(looks + 1e-2)
    dynamic_range = rng.uniform(40, 52)
    brightness = rng.uniform(0.52, 0.68)
    grey = gaussian_filter(brightness + level / dynamic_range, 0.6)
    pixels: NDArray[np.uint8] = (255 * np.clip(grey, 0, 1)).astype(np.uint8)
    return pixels
