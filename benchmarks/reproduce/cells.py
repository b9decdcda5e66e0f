"""Finished cells on disk: one loss on one fold, found again by the configuration that made it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.reproduce.metrics import Scores
from benchmarks.store import Json, fingerprint, read, write


@dataclass(frozen=True)
class Cell:
    """What identifies a result. Two cells with any difference in ``config`` never share a file."""

    loss: str
    fold: int
    backend: str
    config: Json

    @property
    def name(self) -> str:
        """Readable first, unique by the hash at its end."""
        return f"{self.backend}-{self.loss}-fold{self.fold}-{fingerprint(self.config)}"


@dataclass(frozen=True)
class Result:
    """What training a cell gave: the record that goes to JSON, and the predicted masks."""

    record: Json
    predictions: NDArray[np.uint8]

    def scores(self) -> dict[str, Scores | None]:
        """The scores of the fold's test cases, by case name."""
        return {n: s and Scores(**s) for n, s in self.record["result"]["cases"].items()}


def save(folder: Path, cell: Cell, result: Result) -> None:
    """Write the masks, then the JSON, whose presence says that the cell is finished."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / f"{cell.name}.npz", predictions=result.predictions)
    write(folder / f"{cell.name}.json", result.record)


def load(folder: Path, cell: Cell) -> Result | None:
    """The finished cell, or None where there is none."""
    path = folder / f"{cell.name}.json"
    record = read(path)
    if record is None:
        return None
    with np.load(path.with_suffix(".npz")) as arrays:
        return Result(record, arrays["predictions"])
