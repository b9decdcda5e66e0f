"""Breast-ultrasound-like phantoms in the UDIAT layout: the comparison runs without real data.

As in BUS2017-B a third of them has the looks of a malignant lesion, and lesions cover 4.8 % of a
set: their areas are quantiles of one distribution, so that the share holds for every seed. The
files are the only way from here to the benchmark: phantoms take the same reader as real images.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.stats import gamma
from tqdm import tqdm

from benchmarks.reproduce.tissue import Grid, Map, layers, scan, shadow, smooth_noise

FOREGROUND = 0.048
AREA_SHAPE = 1.5  # of the gamma distribution; coefficient of variation 0.82, as in real sets
AREA_LIMITS = (0.004, 0.16)
MALIGNANT_SHARE = 53 / 163


def lesion_areas(cases: int, rng: np.random.Generator) -> Map:
    """The share of its image that each lesion covers: mean ``FOREGROUND``, in random order."""
    quantiles = gamma.ppf(
        (np.arange(cases) + 0.5) / cases, AREA_SHAPE, scale=FOREGROUND / AREA_SHAPE
    )
    areas = np.clip(quantiles, *AREA_LIMITS)
    return rng.permutation(areas * FOREGROUND / areas.mean())


def outline(rng: np.random.Generator, malignant: bool) -> tuple[Map, Map]:
    """Angles and radii of a star-shaped border: a lobulated ellipse, spiculated if malignant."""
    angle = np.linspace(0, 2 * np.pi, 361)
    orders = np.arange(2, 16 if malignant else 6)
    strength = (0.30 if malignant else 0.12) / orders
    phases = rng.uniform(0, 2 * np.pi, len(orders))
    waves = strength * rng.normal(size=len(orders)) * np.cos(np.outer(angle, orders) + phases)
    return angle, np.exp(waves.sum(axis=1))


def lesion(rng: np.random.Generator, grid: Grid, area: float, malignant: bool) -> NDArray[np.bool_]:
    """A lesion that covers ``area`` of the image and lies wholly inside it."""
    angle, radius = outline(rng, malignant)
    radius *= np.sqrt(area / (0.5 * np.trapezoid(radius**2, angle)))
    flat = np.sqrt(rng.uniform(0.8, 1.3) if malignant else rng.uniform(1.2, 2.2))
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
    inside: NDArray[np.bool_] = np.hypot(u, v) < np.interp(
        np.arctan2(v, u) % (2 * np.pi), angle, radius
    )
    return inside


def _room(offsets: Map, low: float, high: float) -> tuple[float, float]:
    """Where a centre may lie so that all its offsets stay between the limits."""
    return low - offsets.min(), max(high - offsets.max(), low - offsets.min())


def phantom(
    rng: np.random.Generator, area: float, malignant: bool
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """One B-mode image and its lesion mask."""
    shape = int(rng.integers(150, 190)), int(rng.integers(180, 230))
    grid = Grid.of(*shape)
    mask = lesion(rng, grid, area, malignant)
    blurred_border = rng.uniform(1.0, 2.5) if malignant else rng.uniform(0.5, 1.2)
    soft = gaussian_filter(mask.astype(float), blurred_border)
    echo = layers(rng, grid) + _distractors(rng, grid)
    contrast = rng.uniform(7, 15) if malignant else rng.uniform(7, 22)
    inside = -contrast + rng.uniform(0.5, 3) * smooth_noise(rng, shape, (5, 7))
    rim = np.clip(gaussian_filter(soft, 4) - soft, 0, None)
    echo = soft * inside + (1 - soft) * (echo + rng.uniform(0, 14) * rim)
    gain = -rng.uniform(10, 50) if malignant else rng.uniform(0, 60)
    return scan(rng, grid, echo + shadow(soft, gain)), mask


def _distractors(rng: np.random.Generator, grid: Grid) -> Map:
    """What else is dark in a breast, mostly weaker than a lesion: lobules, attenuating strands."""
    shape = grid.depth.shape
    lobules = smooth_noise(rng, shape, (shape[0] / 16, shape[1] / 13))
    strands = smooth_noise(rng, (1, shape[1]), (0, shape[1] / 30)) > 1.7
    dark = -rng.uniform(3, 11) / (1 + np.exp(-8 * (lobules - 1.3)))
    return dark + shadow(np.where(grid.depth > 0.2, strands, 0.0), -rng.uniform(2, 14))


def write_phantoms(folder: Path, cases: int, seed: int) -> Path:
    """Write ``cases`` phantoms to ``folder/original`` and ``folder/GT``, unless they are there.

    The folder appears only when it is complete, so an interrupted run leaves nothing half written.
    """
    if folder.is_dir():
        return folder
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for name in ("original", "GT"):
        (unfinished / name).mkdir(parents=True)
    rng = np.random.default_rng(seed)
    areas = lesion_areas(cases, rng)
    malignant = rng.permutation(np.arange(cases) < round(MALIGNANT_SHARE * cases))
    for index in tqdm(range(cases), desc="phantoms", unit="image"):
        case_rng = np.random.default_rng([seed, index])
        image, mask = phantom(case_rng, float(areas[index]), bool(malignant[index]))
        name = f"{index + 1:06d}.png"
        Image.fromarray(image).save(unfinished / "original" / name)
        Image.fromarray(np.uint8(255) * mask).save(unfinished / "GT" / name)
    return unfinished.rename(folder)
