"""The paper's augmentation, by the library that it used, in the order of MIScnn's pipeline.

Mirroring of each axis with probability 1/2; gamma, elastic deformation, rotation and scaling with
0.15 each. What comes in from beyond the border is 0, the mean of a standardised image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from math import ceil, radians, sin
from threading import Lock

import numpy as np
from batchgenerators.transforms.abstract_transforms import Compose
from batchgenerators.transforms.color_transforms import GammaTransform
from batchgenerators.transforms.spatial_transforms import MirrorTransform, SpatialTransform

from benchmarks.reproduce.datasets.dataset import Image, Label

PROBABILITY = 0.15
SCALE = (0.85, 1.25)
ANGLE = radians(15)
GAMMA = (0.7, 1.5)
ALPHA, SIGMA = (0.0, 900.0), (9.0, 13.0)

_global_generator = Lock()


@contextmanager
def drawing_from(rng: np.random.Generator) -> Iterator[None]:
    """Let ``np.random``'s own functions, which batchgenerators calls, draw from ``rng``."""
    with _global_generator:
        before = np.random.get_bit_generator()
        np.random.set_bit_generator(rng.bit_generator)
        try:
            yield
        finally:
            np.random.set_bit_generator(before)


def transforms(patch: Sequence[int]) -> Compose:
    """The transforms of samples that are cut to ``patch`` around their centre."""
    angle = (-ANGLE, ANGLE)
    return Compose(
        [
            MirrorTransform(axes=tuple(range(len(patch)))),
            GammaTransform(GAMMA, per_channel=True, retain_stats=True, p_per_sample=PROBABILITY),
            SpatialTransform(
                tuple(patch),
                random_crop=False,
                alpha=ALPHA,
                sigma=SIGMA,
                angle_x=angle,
                angle_y=angle,
                angle_z=angle,
                scale=SCALE,
                border_mode_data="constant",
                border_cval_data=0,
                order_data=3,
                border_mode_seg="constant",
                border_cval_seg=0,
                order_seg=0,
                p_el_per_sample=PROBABILITY,
                p_rot_per_sample=PROBABILITY,
                p_scale_per_sample=PROBABILITY,
            ),
        ]
    )


def augment(
    rng: np.random.Generator, image: Image, label: Label, patch: Sequence[int]
) -> tuple[Image, Label]:
    """A sample, changed at random and cut to ``patch`` around its centre."""
    with drawing_from(rng):
        # copies with axes for sample and channel; labels are interpolated as numbers
        sample = transforms(patch)(
            data=np.array(image[None, None], np.float32),
            seg=np.array(label[None, None], np.float32),
        )
    return sample["data"][0, 0], sample["seg"][0, 0].astype(np.uint8)


def margin(patch: Sequence[int]) -> tuple[int, ...]:
    """By how much a sample must exceed ``patch`` on each side so that it turns without a border."""
    dimensions, s = len(patch), sin(ANGLE)
    turns = [(0, 1)] if dimensions == 2 else [(1, 2), (0, 2), (0, 1)]
    bounds = []
    for i, j in turns:
        bound = np.eye(dimensions)
        bound[i, j] = bound[j, i] = s
        bounds.append(bound)
    reach = SCALE[1] * reduce(np.matmul, bounds) @ patch
    return tuple(ceil((r - p) / 2) for r, p in zip(reach, patch, strict=True))
