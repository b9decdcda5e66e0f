"""Resize or resample, clip, standardise: once per data set and parameters, then from a cache.

The cache is a folder named by a fingerprint of the files and the parameters, with one ``.npy`` per
image and per label, which are memory mapped. Every file appears under its name only when it is
complete, so that a run may be killed, and several may prepare the same data set at once: what one
has finished the others take.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from skimage.transform import resize
from tqdm import tqdm

from benchmarks.reproduce.datasets.dataset import (
    Case,
    Dataset,
    DatasetError,
    Image,
    Label,
    shares,
)
from benchmarks.store import Json, atomically, fingerprint, read, write

# Change it when the same parameters come to mean other numbers.
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What is done to a case: at most one of ``shape`` and ``spacing``, then clip, then z-score.

    ``shape`` is in pixels, ``spacing`` in millimetres, and ``clip`` in the units of the image.
    """

    shape: tuple[int, ...] | None = None
    spacing: tuple[float, ...] | None = None
    clip: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.shape is not None and self.spacing is not None:
            raise ValueError(f"shape, spacing: expected one at most, got {self}")
        for name in ("shape", "spacing"):
            value = getattr(self, name)
            if value is not None and min(value) <= 0:
                raise ValueError(f"{name}: expected positive numbers, got {value}")
        if self.clip is not None and not self.clip[0] < self.clip[1]:
            raise ValueError(f"clip: expected a lower and a higher bound, got {self.clip}")

    def __call__(self, case: Case) -> tuple[Image, Label]:
        """The case as a network sees it: mean 0 and standard deviation 1."""
        image, label = case.image, case.label
        shape = self.target(case)
        if shape != image.shape:
            image, label = resize_image(image, shape), resize_label(label, shape)
        if self.clip is not None:
            image = np.clip(image, *self.clip)
        return standardise(image), label

    def target(self, case: Case) -> tuple[int, ...]:
        """The shape that the case is going to have."""
        if self.shape is not None:
            return self.shape
        if self.spacing is None:
            return case.image.shape
        sizes = zip(case.image.shape, case.spacing, self.spacing, strict=True)
        return tuple(max(1, round(n * old / new)) for n, old, new in sizes)


def resize_image(image: Image, shape: tuple[int, ...]) -> Image:
    """Cubic interpolation, after a Gaussian against aliasing where the image shrinks."""
    resized: Image = resize(image, shape, order=3, mode="edge", anti_aliasing=True)
    return resized


def resize_label(label: Label, shape: tuple[int, ...]) -> Label:
    """The class with the largest share of every new pixel."""
    first, *others = np.unique(label)
    parts = [
        resize((label == c).astype(np.float32), shape, order=1, mode="edge", anti_aliasing=True)
        for c in others
    ]
    # the shares of a pixel add up to 1, and of equal ones the lowest class wins
    parts.insert(0, 1 - np.sum(parts, axis=0) if parts else np.ones(shape, np.float32))
    return np.array([first, *others], np.uint8)[np.argmax(parts, axis=0)]


def standardise(image: Image) -> Image:
    """Mean 0 and standard deviation 1; sums in float64, since volumes have many voxels."""
    mean, deviation = image.mean(dtype=np.float64), image.std(dtype=np.float64)
    if not deviation > 0:
        raise ValueError(f"expected an image, found a constant {image.flat[0]:g}")
    return ((image - mean) / deviation).astype(np.float32)


@dataclass(frozen=True)
class Prepared:
    """A data set as a network sees it, in files that are mapped into memory when asked for."""

    folder: Path
    kind: str
    name: str
    dimensions: int
    classes: tuple[str, ...]
    cases: tuple[str, ...]
    shares: tuple[tuple[float, ...], ...]
    fingerprint: str
    """Equal for equal pixels, so that results name the data they were measured on."""

    def image(self, i: int) -> Image:
        """The image of case number ``i``, channel last."""
        return mapped(_path(self.folder, i, "image"))[..., None]

    def label(self, i: int) -> Label:
        """The class of every pixel of case number ``i``."""
        return mapped(_path(self.folder, i, "label"))

    def foreground(self) -> NDArray[np.float64]:
        """The share of every foreground class in every case as it is on disk."""
        return np.array(self.shares)


# As many files as a process may safely keep open; mapping one anew takes a fifth of a millisecond.
@lru_cache(maxsize=512)
def mapped(path: Path) -> NDArray[Any]:
    """The array in a file, read only."""
    array: NDArray[Any] = np.load(path, mmap_mode="r")
    return array


def _path(folder: Path, i: int, what: str) -> Path:
    return folder / f"{i:04d}-{what}.npy"


def prepare(
    dataset: Dataset, preprocessing: Preprocessing, cache: Path, workers: int = 1
) -> Prepared:
    """The data set after ``preprocessing``, from ``cache`` if it is there."""
    folder = cache / f"{dataset.name}-{key(dataset, preprocessing)}"
    record = read(folder / "prepared.json")
    if record is None:
        record = _fill(dataset, preprocessing, folder, workers)
        write(folder / "prepared.json", record)
    return Prepared(
        folder=folder,
        kind=dataset.kind,
        name=dataset.name,
        dimensions=dataset.dimensions,
        classes=dataset.classes,
        cases=tuple(record["cases"]),
        shares=tuple(map(tuple, record["shares"])),
        fingerprint=record["fingerprint"],
    )


def key(dataset: Dataset, preprocessing: Preprocessing) -> str:
    """A fingerprint of the parameters and of the files, by size and time: they are not read."""
    files = {
        case: [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
        for case, paths in dataset.files.items()
        if all(path.exists() for path in paths)
    }
    return fingerprint({"version": VERSION, "files": files} | asdict(preprocessing))


def _fill(dataset: Dataset, preprocessing: Preprocessing, folder: Path, workers: int) -> Json:
    """Bring every case into the folder; return what describes them."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = tqdm(dataset.cases, desc=f"preparing {dataset.name}", unit="case", disable=None)
    jobs = (delayed(_bring)(dataset, preprocessing, folder, i, c) for i, c in enumerate(cases))
    rows = Parallel(n_jobs=workers)(jobs)
    digest = hashlib.sha256("".join(row["digest"] for row in rows).encode())
    return {
        "cases": dataset.cases,
        "shares": [row["shares"] for row in rows],
        "fingerprint": digest.hexdigest()[:16],
    }


def _bring(dataset: Dataset, preprocessing: Preprocessing, folder: Path, i: int, name: str) -> Json:
    """One case, unless it is there: its arrays first, last the record that says so."""
    path = folder / f"{i:04d}.json"
    record = read(path)
    if record is not None:
        return record
    case = dataset.read(name)
    try:
        image, label = preprocessing(case)
    except ValueError as error:
        raise DatasetError(f"{dataset.files[name].image}: {error}") from error
    digest = hashlib.sha256()
    for what, array in (("image", image), ("label", label)):
        digest.update(np.ascontiguousarray(array).data)
        atomically(_path(folder, i, what), lambda file, array=array: np.save(file, array))
    record = {
        "shares": shares(case.label, len(dataset.classes)).tolist(),
        "digest": digest.hexdigest(),
    }
    write(path, record)
    return record
