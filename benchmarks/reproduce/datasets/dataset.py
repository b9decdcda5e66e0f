"""What every data set is to the rest: named cases, each an image with class indices.

A data set on disk differs in three things: where its files are, how a file is read, and which value
means which class. A reader says those; everything else is here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Label = NDArray[np.uint8]
UNKNOWN = 255


class DatasetError(ValueError):
    """A data set that is not what its layout promises; the message names the file."""


class Case(NamedTuple):
    """An image with the class of every pixel, and the pixels' size in millimetres."""

    image: Image
    label: Label
    spacing: tuple[float, ...]


class Files(NamedTuple):
    """Where a case lies on disk."""

    image: Path
    label: Path


class Array(NamedTuple):
    """What a file holds, in its own dtype, and the spacing of its pixels."""

    values: NDArray[Any]
    spacing: tuple[float, ...]


@dataclass(frozen=True)
class Dataset:
    """Cases that are read one at a time.

    ``values`` maps what stands in a label file to a class index, and ``required`` names the classes
    without which a case does not belong to the data set.
    """

    kind: str
    name: str
    dimensions: int
    classes: tuple[str, ...]
    files: Mapping[str, Files]
    values: Mapping[int, int]
    open: Callable[[Path], Array]
    required: tuple[int, ...] = ()

    @cached_property
    def cases(self) -> tuple[str, ...]:
        """The names of the cases; where classes are required, every label is looked at."""
        if not self.required:
            return tuple(self.files)
        return tuple(c for c in self.files if np.isin(self.required, self.label(c)).all())

    def read(self, case: str) -> Case:
        """Image and label of a case."""
        image, spacing = self.open(self.files[case].image)
        label = self.label(case)
        if image.shape != label.shape:
            raise DatasetError(
                f"{self.files[case].label}: expected {size(image)} pixels like "
                f"{self.files[case].image}, found {size(label)}"
            )
        return Case(np.asarray(image, np.float32), label, spacing)

    def foreground(self) -> NDArray[np.float64]:
        """The share of every foreground class (column) in every case (row), from labels alone."""
        return np.array([shares(self.label(case), len(self.classes)) for case in self.cases])

    def label(self, case: str) -> Label:
        """The class of every pixel, without reading the image."""
        path = self.files[case].label
        values = self.open(path).values
        if values.ndim != self.dimensions:
            raise DatasetError(f"{path}: expected {self.dimensions} axes, found {size(values)}")
        return indices(path, values, self.values)


def indices(path: Path, values: NDArray[Any], classes: Mapping[int, int]) -> Label:
    """Class indices for the ``values`` of a label file; any other value would need a guess."""
    label = np.full(values.shape, UNKNOWN, np.uint8)
    for value, index in classes.items():
        label[values == value] = index
    unknown = label == UNKNOWN
    if unknown.any():
        expected = ", ".join(map(str, classes))
        found = values[unknown].flat[0]
        raise DatasetError(f"{path}: expected the labels {expected} only, found {found:g}")
    return label


def shares(label: Label, classes: int) -> NDArray[np.float64]:
    """The share of the pixels that every foreground class has."""
    return np.array([np.count_nonzero(label == c) for c in range(1, classes)]) / label.size


def size(array: NDArray[Any]) -> str:
    """The shape of an array as one writes it."""
    return " x ".join(map(str, array.shape))


def folder(root: Path, *candidates: str) -> Path:
    """The first of the folders ``candidates`` under ``root`` that exists."""
    for name in candidates:
        if (root / name).is_dir():
            return root / name
    raise DatasetError(f"{root}: expected a folder {' or '.join(map(repr, candidates))}")


def existing(path: Path, what: str) -> Path:
    """``path``, if a file is there."""
    if not path.is_file():
        raise DatasetError(f"{path}: expected {what}, found no such file")
    return path
