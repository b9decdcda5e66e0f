"""Breast ultrasound in the UDIAT layout, as in BUS2017-B.

A third of the images have the looks of a malignant lesion: spiculated and shadowing, where a benign
one is smooth and may enhance what lies behind it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchmarks.reproduce.phantoms.fields import Map, Mask, Shape, lowest, smooth_noise, spread
from benchmarks.reproduce.phantoms.tissue import Grid, layers, scan, shadow

DIMENSIONS = 2
MOST_CASES = 999_999
FOREGROUND = 0.048
AREA_SHAPE = 1.5  # of the gamma distribution; coefficient of variation 0.82, as in real sets
AREA_LIMITS = (0.004, 0.16)
MALIGNANT_SHARE = 53 / 163
ROWS, COLUMNS = (150, 190), (180, 230)


class Lesion(NamedTuple):
    """What tells the images of a set apart: the share of the image, and the kind of lesion."""

    area: float
    malignant: bool


def plan(rng: np.random.Generator, cases: int) -> list[Lesion]:
    """A lesion for every image."""
    areas = spread(rng, cases, FOREGROUND, AREA_SHAPE, AREA_LIMITS)
    malignant = rng.permutation(np.arange(cases) < round(MALIGNANT_SHARE * cases))
    return [Lesion(float(a), bool(m)) for a, m in zip(areas, malignant, strict=True)]


def write(
    rng: np.random.Generator, root: Path, number: int, lesion: Lesion, shape: Shape | None
) -> None:
    """Write ``original/000001.png`` and ``GT/000001.png`` for number 0."""
    image, mask = phantom(
        rng, lesion, shape or (int(rng.integers(*ROWS)), int(rng.integers(*COLUMNS)))
    )
    for folder, pixels in (("original", image), ("GT", np.uint8(255) * mask)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / folder / f"{number + 1:06d}.png")


def phantom(
    rng: np.random.Generator, lesion: Lesion, shape: Shape
) -> tuple[NDArray[np.uint8], Mask]:
    """One B-mode image and its lesion mask."""
    rows, columns = shape
    malignant = lesion.malignant
    grid = Grid.of(rows, columns)
    mask = outline(rng, grid, lesion)
    blurred_border = rng.uniform(1.0, 2.5) if malignant else rng.uniform(0.5, 1.2)
    soft = gaussian_filter(mask.astype(np.float32), blurred_border * rows / 170)
    echo = layers(rng, grid) + _distractors(rng, grid)
    contrast = rng.uniform(12, 20) if malignant else rng.uniform(12, 26)
    inside = -contrast + rng.uniform(0.5, 3) * smooth_noise(rng, shape, (rows / 34, columns / 29))
    rim = np.clip(gaussian_filter(soft, rows / 42) - soft, 0, None)
    echo = soft * inside + (1 - soft) * (echo + rng.uniform(0, 14) * rim)
    gain = -rng.uniform(10, 50) if malignant else rng.uniform(0, 60)
    return scan(rng, grid, echo + shadow(soft, gain)), mask


def outline(rng: np.random.Generator, grid: Grid, lesion: Lesion) -> Mask:
    """A star-shaped lesion that has its area and lies inside the image if there is room."""
    angle, radius = _border(rng, lesion.malignant)
    radius *= np.sqrt(lesion.area / (0.5 * np.trapezoid(radius**2, angle)))
    flat = np.sqrt(rng.uniform(0.8, 1.3) if lesion.malignant else rng.uniform(1.2, 2.2))
    tilt = rng.normal(0, 0.25)
    # the border in image coordinates: stretch sideways, tilt
    along, down = flat * radius * np.cos(angle), radius * np.sin(angle) / flat
    x, y = along * np.cos(tilt) - down * np.sin(tilt), along * np.sin(tilt) + down * np.cos(tilt)
    centre_x = rng.uniform(*_room(x, 0.02, 0.98))
    centre_y = rng.uniform(*_room(y, 0.10, 0.90))
    # every pixel in the border's own coordinates
    dx, dy = grid.lateral - centre_x, grid.depth - centre_y
    u = (dx * np.cos(tilt) + dy * np.sin(tilt)) / flat
    v = (dy * np.cos(tilt) - dx * np.sin(tilt)) * flat
    distance = np.hypot(u, v) / np.interp(np.arctan2(v, u) % (2 * np.pi), angle, radius)
    return lowest(distance, round(lesion.area * distance.size))


def _border(rng: np.random.Generator, malignant: bool) -> tuple[Map, Map]:
    """Angles and radii: a lobulated ellipse, spiculated if malignant."""
    angle = np.linspace(0, 2 * np.pi, 361)
    orders = np.arange(2, 16 if malignant else 6)
    strength = (0.30 if malignant else 0.12) / orders
    phases = rng.uniform(0, 2 * np.pi, len(orders))
    waves = strength * rng.normal(size=len(orders)) * np.cos(np.outer(angle, orders) + phases)
    return angle, np.exp(waves.sum(axis=1))


def _room(offsets: Map, low: float, high: float) -> tuple[float, float]:
    """Where a centre may lie so that all its offsets stay between the limits."""
    return low - offsets.min(), max(high - offsets.max(), low - offsets.min())


def _distractors(rng: np.random.Generator, grid: Grid) -> Map:
    """What else is dark in a breast, mostly weaker than a lesion: lobules, attenuating strands."""
    shape = grid.depth.shape
    lobules = smooth_noise(rng, shape, (shape[0] / 16, shape[1] / 13))
    strands = smooth_noise(rng, (1, shape[1]), (0, shape[1] / 30)) > 1.7
    dark = -rng.uniform(2, 7) / (1 + np.exp(-8 * (lobules - 1.3)))
    return dark + shadow(np.where(grid.depth > 0.2, strands, 0.0), -rng.uniform(2, 14))
