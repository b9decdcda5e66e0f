"""Abdominal CT in the arterial phase, in Hounsfield units and the KiTS19 layout.

Kidneys with cortex, medulla and sinus, in fat, beside spine, liver, spleen, vessels and bowel. A
tumour grows out of one kidney. Cysts of the kidney, which belong to it as they do in KiTS19, and
loops of bowel look like the tumour.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from benchmarks.reproduce.datasets.kits import NUMBERS, case_name
from benchmarks.reproduce.phantoms.fields import (
    Map,
    Shape,
    ellipsoid,
    grid,
    lowest,
    smooth_noise,
    spread,
    texture,
    tubes,
)

DIMENSIONS = 3
MOST_CASES = len(NUMBERS)
FULL_SHAPE = (216, 512, 512)
EXTENT = np.array([390.0, 400.0, 400.0])  # mm: slices downward, rows to the back, columns
KIDNEY, TUMOUR = 1, 2
KIDNEY_SHARE, KIDNEY_SHAPE, KIDNEY_LIMITS = 0.0075, 9.0, (0.004, 0.014)
TUMOUR_SHARE, TUMOUR_SHAPE, TUMOUR_LIMITS = 0.002, 1.2, (0.0004, 0.007)
AIR, FAT, MUSCLE = -1000.0, -100.0, 55.0


class Shares(NamedTuple):
    """What tells the cases of a set apart: the shares of the volume."""

    kidney: float
    tumour: float


def plan(rng: np.random.Generator, cases: int) -> list[Shares]:
    """Kidneys and a tumour for every case."""
    kidneys = spread(rng, cases, KIDNEY_SHARE, KIDNEY_SHAPE, KIDNEY_LIMITS)
    tumours = spread(rng, cases, TUMOUR_SHARE, TUMOUR_SHAPE, TUMOUR_LIMITS)
    return [Shares(float(k), float(t)) for k, t in zip(kidneys, tumours, strict=True)]


def write(
    rng: np.random.Generator, root: Path, number: int, shares: Shares, shape: Shape | None
) -> None:
    """Write the folder of a case, ``data/case_00000`` for number 0."""
    shape = shape or FULL_SHAPE
    image, label = phantom(rng, shares, shape)
    folder = root / "data" / case_name(NUMBERS[number])
    folder.mkdir(parents=True, exist_ok=True)
    # slices, rows and columns run against the axes of the patient, in reverse order
    affine = np.eye(4)
    affine[:3, :3] = np.flipud(np.diag(-EXTENT / shape))
    for name, voxels in (("imaging", np.round(image).astype(np.int16)), ("segmentation", label)):
        nibabel.save(nibabel.Nifti1Image(voxels, affine), folder / f"{name}.nii.gz")


def phantom(
    rng: np.random.Generator, shares: Shares, shape: Shape
) -> tuple[Map, NDArray[np.uint8]]:
    """One volume in Hounsfield units, and its labels."""
    axes = grid(shape)
    image = trunk(rng, axes, shape)
    image = organs(rng, axes, image)
    image, label = kidneys(rng, axes, shares, image)
    return scan(rng, image), label


def trunk(rng: np.random.Generator, axes: list[Map], shape: Shape) -> Map:
    """Skin, fat, muscle, spine, aorta and vena cava, the same in all slices but for the discs."""
    z, y, x = axes
    wide, deep = rng.uniform(0.38, 0.46), rng.uniform(0.27, 0.33)
    fat = rng.uniform(0.08, 0.24)
    flat = [np.zeros((1, 1, 1), np.float32), y, x]
    body = ellipsoid(flat, (0, 0.5, 0.5), (1, deep, wide)) + 0.01 * texture(rng, shape, 0.15)
    image = np.full(shape, AIR, np.float32)
    image[body < 1] = 20
    image[body < 0.985] = FAT
    image[body < 1 - fat] = MUSCLE
    image[body < 1 - fat - 0.10] = FAT
    back = 0.5 + deep * (1 - fat)
    for side in (-1, 1):
        psoas = ellipsoid(flat, (0, back - 0.10, 0.5 + side * 0.075), (1, 0.045, 0.04))
        erector = ellipsoid(flat, (0, back - 0.01, 0.5 + side * 0.07), (1, 0.05, 0.06))
        image[np.broadcast_to(np.minimum(psoas, erector) < 1, shape)] = MUSCLE
    vertebra = ellipsoid(flat, (0, back - 0.075, 0.5), (1, 0.042, 0.055))
    image[np.broadcast_to(vertebra < 1, shape)] = 450
    image[np.broadcast_to(vertebra < 0.85, shape)] = 190
    discs = (vertebra < 1) & (np.cos(2 * np.pi * (11 * z + rng.uniform())) > 0.75)
    image[discs] = 85
    canal = ellipsoid(flat, (0, back - 0.02, 0.5), (1, 0.018, 0.022))
    image[np.broadcast_to(canal < 1, shape)] = 40
    for position, radius, density in ((0.53, 0.024, (180, 300)), (0.46, 0.028, (80, 140))):
        vessel = ellipsoid(flat, (0, back - 0.15, position), (1, radius, radius))
        image[np.broadcast_to(vessel < 1, shape)] = rng.uniform(*density)
    return image


def organs(rng: np.random.Generator, axes: list[Map], image: Map) -> Map:
    """Liver, spleen, their vessels, and loops of bowel with fluid, contrast agent or gas."""
    shape = image.shape
    wobble = 0.10 * texture(rng, shape, 0.08)
    cavity = image == FAT
    belly = cavity & (ellipsoid(axes, (0.6, 0.40, 0.5), (0.7, 0.17, 0.30)) + wobble < 1)
    loops = texture(rng, shape, 0.035)
    contents = texture(rng, shape, 0.05)
    image[belly & (np.abs(loops) < 0.7)] = 45
    filled = belly & (np.abs(loops) < 0.45)
    image[filled] = 15 + 55 * np.clip(contents[filled], -0.5, 2)
    image[belly & (np.abs(loops) < 0.4) & (contents < -1.2)] = -700
    liver = ellipsoid(axes, (0.22, 0.46, 0.30), (0.26, 0.22, 0.20)) + wobble < 1
    spleen = ellipsoid(axes, (0.22, 0.58, 0.76), (0.14, 0.11, 0.07)) + wobble < 1
    image[cavity & liver] = rng.uniform(70, 100)
    image[cavity & spleen] = rng.uniform(100, 140)
    vessels = tubes(rng, shape, 0.05, 0.15) > 0.5
    image[cavity & vessels] = rng.uniform(120, 200)
    return image


def kidneys(
    rng: np.random.Generator, axes: list[Map], shares: Shares, image: Map
) -> tuple[Map, NDArray[np.uint8]]:
    """The image with kidneys, cysts and tumour, and the labels: just as many voxels as planned."""
    shape = image.shape
    cortex, medulla = rng.uniform(140, 210), rng.uniform(80, 125)
    lumps = texture(rng, shape, 0.04)
    sides = [_kidney(rng, axes, side) for side in (-1, 1)]
    ill = sides[int(rng.integers(2))]
    level = np.minimum(*(side.level for side in sides)) + 0.05 * lumps
    sinus = np.minimum(*(side.sinus for side in sides))
    # the sinus is fat and no kidney; far away from one it does not matter
    level = np.where(sinus < 1, np.float32(10), level)

    mass = ellipsoid(axes, ill.surface(rng), np.exp(rng.normal(0, 0.1, 3)) / EXTENT)
    mass = mass * np.exp(0.18 * lumps)
    tumour = lowest(mass, max(1, round(shares.tumour * level.size)), image < 250)
    kidney = lowest(level, max(1, round(shares.kidney * level.size)), ~tumour)
    label = np.where(tumour, TUMOUR, np.where(kidney, KIDNEY, 0)).astype(np.uint8)

    surface = level[kidney].max()
    around = level < 1.25 * surface
    image[around] = FAT
    image[(sinus < 1) & around] = rng.uniform(-60, 30)
    rays = texture(rng, shape, 0.018)
    inner = level < surface * (0.80 + 0.12 * rays)
    image[kidney] = np.where(inner, medulla, cortex)[kidney]
    for _ in range(int(rng.integers(0, 4))):
        side = sides[int(rng.integers(2))]
        radius = rng.uniform(6, 20)
        cyst = ellipsoid(axes, side.surface(rng), radius / EXTENT) < 1
        image[cyst & kidney] = rng.uniform(0, 40)
    image[tumour] = stain(rng, mass, shape)[tumour]
    return image, label


class _Kidney(NamedTuple):
    """Distances from a kidney and its sinus, 1 on their surfaces for a kidney of usual size."""

    level: Map
    sinus: Map
    centre: Map
    radii: Map

    def surface(self, rng: np.random.Generator) -> Map:
        """A point near the surface, away from the hilum."""
        direction = rng.standard_normal(3)
        inward = np.sign(0.5 - self.centre[2])
        direction[2] = -inward * abs(direction[2])
        direction /= np.linalg.norm(direction)
        point: Map = self.centre + rng.uniform(0.75, 1.1) * direction * self.radii
        return point


def _kidney(rng: np.random.Generator, axes: list[Map], side: int) -> _Kidney:
    """A bean that leans to the spine at its upper end."""
    centre = np.array([0.52, 0.60, 0.5 + side * 0.185]) + rng.normal(0, 0.012, 3)
    radii = np.array([58, 29, 28]) / EXTENT * rng.normal(1, 0.06, 3)
    z, y, x = axes
    lean = rng.uniform(0.15, 0.35)
    turned = [z, y, x - side * lean * (z - centre[0])]
    level = ellipsoid(turned, centre, radii)
    hilum = centre - (0, 0, side * 0.7 * radii[2])
    sinus = ellipsoid(turned, hilum, radii * (0.5, 0.45, 0.75))
    return _Kidney(level, sinus, centre, radii)


def stain(rng: np.random.Generator, mass: Map, shape: Shape) -> Map:
    """A tumour takes up contrast agent unevenly, and less where it is necrotic."""
    solid = rng.uniform(45, 85) + rng.uniform(6, 18) * texture(rng, shape, 0.015)
    necrosis = 1 / (1 + np.exp(6 * (texture(rng, shape, 0.025) + rng.uniform(0.2, 1.6))))
    density: Map = solid + necrosis * (rng.uniform(10, 35) - solid)
    return density


def scan(rng: np.random.Generator, image: Map) -> Map:
    """The scanner's picture: uneven organs, voxels of several tissues, too few quanta."""
    shape = image.shape
    mottled = image + np.where(image > -200, 6 * texture(rng, shape, 0.02), 0)
    blurred = gaussian_filter(mottled.astype(np.float32), (0.5, 0.7, 0.7))
    noise = smooth_noise(rng, shape, (0, 0.6, 0.6))
    noisy: Map = np.clip(blurred + rng.uniform(10, 22) * noise, -1024, 3000)
    return noisy
