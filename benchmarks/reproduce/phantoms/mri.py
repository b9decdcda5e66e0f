"""Contrast-enhanced T1-weighted MR of the head in the BraTS20 layout.

A skull-stripped brain with grey and white matter and ventricles; vessels, dura and choroid plexus
enhance as the rim of the tumour does. A smooth bias field multiplies the signal, whose noise is
Rician: the magnitude of a complex Gaussian.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from benchmarks.reproduce.phantoms.fields import (
    Map,
    Mask,
    Shape,
    ellipsoid,
    grid,
    lowest,
    spread,
    texture,
    tubes,
)

DIMENSIONS = 3
MOST_CASES = 342
FULL_SHAPE = (240, 240, 155)
EXTENT = np.array([240.0, 240.0, 155.0])  # mm; axes point to the left, to the back, and up
FOREGROUND = 0.002
VOLUME_SHAPE = 1.5
VOLUME_LIMITS = (0.0004, 0.007)
BACKGROUND, NECROSIS, OEDEMA, ENHANCING = 0, 1, 2, 4


class Tumour(NamedTuple):
    """What tells the cases of a set apart: the share of the volume that enhances."""

    enhancing: float


def plan(rng: np.random.Generator, cases: int) -> list[Tumour]:
    """A tumour for every case."""
    shares = spread(rng, cases, FOREGROUND, VOLUME_SHAPE, VOLUME_LIMITS)
    return [Tumour(float(share)) for share in shares]


def write(
    rng: np.random.Generator, root: Path, number: int, tumour: Tumour, shape: Shape | None
) -> None:
    """Write the folder of a case, ``BraTS20_Training_001`` for number 0."""
    shape = shape or FULL_SHAPE
    image, label = phantom(rng, tumour, shape)
    case = f"BraTS20_Training_{number + 1:03d}"
    folder = root / "MICCAI_BraTS2020_TrainingData" / case
    folder.mkdir(parents=True, exist_ok=True)
    affine = np.diag([*(EXTENT / shape * (-1, -1, 1)), 1])
    for ending, voxels in (("t1ce", np.round(image).astype(np.int16)), ("seg", label)):
        nibabel.save(nibabel.Nifti1Image(voxels, affine), folder / f"{case}_{ending}.nii.gz")


def phantom(
    rng: np.random.Generator, tumour: Tumour, shape: Shape
) -> tuple[Map, NDArray[np.uint8]]:
    """One volume in a scanner's arbitrary units, and its labels."""
    axes = grid(shape)
    centre = rng.normal((0.5, 0.52, 0.48), 0.01)
    radii = np.array([68, 86, 66]) / EXTENT * rng.normal(1, 0.04, 3)
    # 1 on the surface of the brain, smaller inside
    level = ellipsoid(axes, centre, radii) + 0.03 * texture(rng, shape, 0.06)
    brain = level < 1
    signal, vessels = anatomy(rng, axes, centre, level)
    label = lesion(rng, axes, tumour, level, centre, radii)
    signal = stain(rng, signal, label)
    signal = np.where(label == ENHANCING, signal, np.maximum(signal, vessels))
    return scan(rng, signal, brain), label


def anatomy(rng: np.random.Generator, axes: list[Map], centre: Map, level: Map) -> tuple[Map, Map]:
    """Healthy tissue relative to fat's signal, and what takes up contrast agent without disease."""
    shape = level.shape
    depth = 1 - level
    white = np.float32(rng.uniform(0.60, 0.66))
    grey = np.float32(white - rng.uniform(0.10, 0.16))
    fluid = np.float32(rng.uniform(0.15, 0.22))
    # the zero lines of a field are the sulci: fluid, lined by cortex
    folds = np.abs(texture(rng, shape, 0.02))
    reach = 0.30 + 0.10 * texture(rng, shape, 0.05)
    cortex = (depth < 0.06) | ((folds < 0.45) & (depth < reach))
    signal = np.where(cortex, grey, white)
    signal[(folds < 0.13) & (depth < 0.75 * reach)] = fluid
    x, y, z = (a - c for a, c in zip(axes, centre, strict=True))
    fissure = (np.abs(x + 0.004 * texture(rng, shape, 0.03)) < 0.004) & (depth < 0.6)
    signal[fissure] = fluid
    spacious = rng.uniform(0.8, 1.3)
    plexus = np.zeros(shape, np.float32)
    for side in (-1, 1):
        lateral = x - side * (0.045 + 0.12 * np.abs(y - 0.02))
        ventricle = np.sqrt(
            (lateral / (0.022 * spacious)) ** 2
            + ((y - 0.01) / 0.15) ** 2
            + ((z - 0.03 + 0.8 * y**2) / (0.06 * spacious)) ** 2
        )
        signal[ventricle < 1] = fluid
        nucleus = ellipsoid([x, y, z], (side * 0.10, -0.01, 0.0), (0.035, 0.07, 0.07))
        signal[(nucleus < 1) & (ventricle >= 1)] = grey + 0.03
        plexus += (ventricle < 1) & (
            ellipsoid([lateral, y, z], (0, 0.08, 0), (0.01, 0.04, 0.05)) < 1
        )
    signal += 0.02 * texture(rng, shape, 0.05)
    arteries = tubes(rng, shape, 0.06, 0.16) * np.where(depth < 0.25, 1, 0.7)
    sinus = np.exp(-((x / 0.012) ** 2) - ((level - 0.985) / 0.035) ** 2) * (z > -0.15)
    vessels = np.maximum(arteries, np.maximum(sinus, 0.75 * plexus))
    return signal, np.float32(rng.uniform(0.85, 1.15)) * vessels


def lesion(
    rng: np.random.Generator, axes: list[Map], tumour: Tumour, level: Map, centre: Map, radii: Map
) -> NDArray[np.uint8]:
    """A rim that enhances around necrosis, within oedema; exactly as many voxels as planned."""
    shape = level.shape
    place = _place(rng, centre, radii)
    stretch = np.exp(rng.normal(0, 0.15, 3))
    # in millimetres: a sphere there is an ellipsoid in these coordinates
    distance = ellipsoid(axes, place, stretch / EXTENT)
    lumps = texture(rng, shape, 0.05)
    distance = distance * np.exp(0.22 * lumps + 0.06 * texture(rng, shape, 0.02))
    enhancing = max(1, round(tumour.enhancing * level.size))
    necrotic = round(enhancing * rng.uniform(0.05, 2))
    label = np.zeros(shape, np.uint8)
    whole = lowest(distance, enhancing + necrotic, level < 0.97)
    outer = distance[whole].max()
    reach = rng.uniform(1.2, 1.8)
    swollen = distance * np.exp(0.3 * texture(rng, shape, 0.04)) < reach * outer
    label[swollen & (level < 0.9)] = OEDEMA
    label[whole] = ENHANCING
    # the core lies off centre and has an outline of its own, so that the rim is thick and thin
    shift = rng.normal(0, 0.12, 3) * outer / EXTENT
    core = ellipsoid(axes, place + shift, stretch / EXTENT) * np.exp(
        0.35 * texture(rng, shape, 0.03)
    )
    label[lowest(core, necrotic, whole)] = NECROSIS
    return label


def _place(rng: np.random.Generator, centre: Map, radii: Map) -> Map:
    """Somewhere in a hemisphere, neither in the midline nor at the surface."""
    while True:
        offset = rng.uniform(-0.75, 0.75, 3)
        if abs(offset[0]) > 0.25 and np.linalg.norm(offset) < 0.75:
            place: Map = centre + offset * radii
            return place


def stain(rng: np.random.Generator, signal: Map, label: NDArray[np.uint8]) -> Map:
    """The signal with the tumour in it."""
    mottled = texture(rng, signal.shape, 0.02)
    signal = np.where(label == OEDEMA, signal - rng.uniform(0.05, 0.14), signal)
    signal = np.where(label == NECROSIS, rng.uniform(0.25, 0.42) + 0.03 * mottled, signal)
    rim = rng.uniform(0.74, 1.0) + rng.uniform(0.04, 0.12) * mottled
    stained: Map = np.where(label == ENHANCING, rim, signal)
    return stained


def scan(rng: np.random.Generator, signal: Map, brain: Mask) -> Map:
    """The scanner's picture: partial volume, bias field, Rician noise; then the skull is cut."""
    shape = signal.shape
    blurred = gaussian_filter(np.where(brain, signal, 0.1).astype(np.float32), 0.55)
    bias = np.exp(rng.uniform(0.08, 0.18) * texture(rng, shape, 0.25))
    sigma = rng.uniform(0.025, 0.05)
    real, imaginary = (sigma * rng.standard_normal(shape, dtype=np.float32) for _ in range(2))
    magnitude = np.hypot(blurred * bias + real, imaginary)
    image: Map = np.where(brain, rng.uniform(400, 900) * magnitude, 0)
    return image
