"""Volumes in NIfTI files, in the order of axes that they have on disk."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.filebasedimages import ImageFileError

from benchmarks.reproduce.datasets.dataset import Array, DatasetError, existing, size


def open_nifti(path: Path) -> Array:
    """Voxels and their spacing, which is positive even where the affine has negative entries."""
    try:
        image = nibabel.load(existing(path, "a NIfTI file"))
        values = np.asanyarray(image.dataobj)
    except (ImageFileError, OSError, EOFError, ValueError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path}: expected a readable NIfTI file ({error})") from error
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise DatasetError(f"{path}: expected one volume, found {size(values)}")
    return Array(values, tuple(float(s) for s in voxel_sizes(image.affine)))
