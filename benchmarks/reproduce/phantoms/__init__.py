"""Phantoms of the paper's three data sets: all that follows runs without real data.

They have the paper's imbalance and each modality's physics, and are written in the layouts that the
real data sets have on disk: the readers are the only way from here to a network.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from benchmarks.reproduce.datasets.dataset import DatasetError
from benchmarks.reproduce.phantoms import ct, mri, ultrasound
from benchmarks.reproduce.phantoms.fields import Shape
from benchmarks.store import read, write

__all__ = ["MODALITIES", "write_phantoms"]

# Each has DIMENSIONS, MOST_CASES, plan(rng, cases) with what tells the cases of a set apart, and
# write(rng, root, number, planned, shape).
MODALITIES = {"bus": ultrasound, "brats": mri, "kits19": ct}
RECIPE = "phantoms.json"
# Change it when the same recipe comes to mean other images.
VERSION = 2


@dataclass(frozen=True)
class Recipe:
    """What a set of phantoms is made from."""

    kind: str
    cases: int
    seed: int
    shape: Shape | None
    version: int = VERSION

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        if self.kind not in MODALITIES:
            raise ValueError(f"kind: expected one of {', '.join(MODALITIES)}, got {self.kind!r}")
        modality = MODALITIES[self.kind]
        if not 1 <= self.cases <= modality.MOST_CASES:
            raise ValueError(
                f"cases: expected 1 to {modality.MOST_CASES} of {self.kind}, got {self.cases}"
            )
        if self.shape is not None and (
            len(self.shape) != modality.DIMENSIONS or min(self.shape) < SMALLEST
        ):
            raise ValueError(
                f"shape: expected {modality.DIMENSIONS} numbers from {SMALLEST} up, "
                f"got {self.shape}"
            )


# Below this a tumour would have no voxel of its own.
SMALLEST = 24


def write_phantoms(
    kind: str, root: Path, cases: int, seed: int, shape: Shape | None = None, workers: int = 1
) -> Path:
    """Write a set of phantoms to the folder ``root``, unless it is there.

    ``shape`` is that of every image; None takes what the real data set has. The folder appears when
    it is complete, so that an interrupted run leaves no part of it and several may write at once.
    """
    recipe = Recipe(kind, cases, seed, shape)
    wanted = asdict(recipe) | {"shape": shape and list(shape)}
    if not root.exists():
        unfinished = root.with_name(f"{root.name}.{uuid4().hex}.unfinished")
        try:
            _write_cases(recipe, unfinished, workers)
            write(unfinished / RECIPE, wanted)
            unfinished.rename(root)
        except OSError:
            # another process was faster
            if not root.exists():
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    found = read(root / RECIPE)
    if found != wanted:
        raise DatasetError(f"{root / RECIPE}: expected phantoms of {wanted}, found {found}")
    return root


def _write_cases(recipe: Recipe, root: Path, workers: int) -> None:
    modality = MODALITIES[recipe.kind]
    plan = modality.plan(np.random.default_rng(recipe.seed), recipe.cases)
    numbers = tqdm(range(recipe.cases), f"{recipe.kind} phantoms", unit="case", disable=None)
    Parallel(n_jobs=workers)(
        delayed(modality.write)(
            np.random.default_rng([recipe.seed, number]), root, number, plan[number], recipe.shape
        )
        for number in numbers
    )
