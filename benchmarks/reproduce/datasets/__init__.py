"""Readers of the data sets as they are found on disk."""

from __future__ import annotations

from pathlib import Path

from benchmarks.reproduce.datasets.brats import open_brats
from benchmarks.reproduce.datasets.bus import open_bus
from benchmarks.reproduce.datasets.dataset import Case, Dataset, DatasetError
from benchmarks.reproduce.datasets.decathlon import open_decathlon
from benchmarks.reproduce.datasets.kits import open_kits

__all__ = ["KINDS", "Case", "Dataset", "DatasetError", "open_dataset"]

READERS = {
    "bus": open_bus,
    "brats": open_brats,
    "kits19": open_kits,
    "decathlon": open_decathlon,
}
KINDS = tuple(READERS)


def open_dataset(kind: str, root: Path) -> Dataset:
    """The data set of this kind at ``root``. Files are listed here, and read case by case."""
    if kind not in READERS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    if not root.is_dir():
        raise DatasetError(f"{root}: expected the folder of the data set, found none")
    return READERS[kind](root)
