"""Grey levels of a PNG, whatever its mode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from benchmarks.reproduce.datasets.dataset import Array, DatasetError


def open_png(path: Path) -> Array:
    """Grey levels; pixels of 1 mm, since a PNG does not know better."""
    try:
        with Image.open(path) as image:
            image.load()
            # "I" and "F" are grey already, with more than 8 bits
            grey = image.copy() if image.mode.startswith(("I", "F")) else image.convert("L")
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise DatasetError(f"{path}: expected a readable PNG ({error})") from error
    return Array(np.asarray(grey), (1.0, 1.0))
