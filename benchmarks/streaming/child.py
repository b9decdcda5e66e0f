"""One process: it streams a volume through a loss, and takes its own peak memory."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import unifocal as uf
from benchmarks import store
from benchmarks.speed import runtimes
from benchmarks.speed.memory import host_peak
from benchmarks.streaming.volume import PIECE, Array, Volume, repeated

LOSS = "unified_focal"
CHUNK = 1 << 16
"""Voxels whose gradient is compared at a time, so that the comparison takes no memory."""


def farthest(gradient: Array, truth: Array, first: int) -> float:
    """The largest deviation of a piece's gradient, whose first voxel is `first`, from the truth."""
    voxels = gradient.shape[-1]
    return max(
        float(np.abs(gradient[..., a:b] - repeated(truth, first + a, first + b)).max())
        for a in range(0, voxels, CHUNK)
        for b in [min(a + CHUNK, voxels)]
    )


class Stream:
    """Two passes over a volume: one for the loss, one for the gradient."""

    def __init__(self, backend: str, volume: Volume) -> None:
        self.framework = runtimes.load(backend)
        self.volume = volume
        self.loss = getattr(uf, LOSS)
        self.whole = uf.Accumulator(self.loss)
        self.value, self.slopes = volume.truth(LOSS)
        self.deviation = 0.0

    def _piece(self, first: int, end: int) -> tuple[Any, ...]:
        return tuple(map(self.framework.asarray, self.volume.piece(first, end)))

    def warm_up(self) -> None:
        """Call everything once: what the first call loads does not grow with the volume."""
        uf.value_and_grad(self.loss)(*self._piece(0, min(PIECE, self.volume.voxels)))

    def add(self) -> None:
        """Add the sums of every piece."""
        for borders in self.volume.borders():
            self.whole.add(*self._piece(*borders))

    def differentiate(self) -> None:
        """Make the gradient of every piece, and compare it."""
        for borders in self.volume.borders():
            gradient = np.asarray(self.whole.gradient(*self._piece(*borders)))
            self.deviation = max(self.deviation, farthest(gradient, self.slopes, borders[0]))

    def errors(self) -> store.Json:
        """Of the value, relative to it; of the gradient, to its largest entry."""
        found = float(self.whole.value())
        return {
            "value": abs(found - self.value) / abs(self.value),
            "gradient": self.deviation / float(np.abs(self.slopes).max()),
        }


def measured(backend: str, voxels: int) -> store.Json:
    """Seconds, peak memory beyond what the process had before, and errors."""
    stream = Stream(backend, Volume(voxels))
    stream.warm_up()
    record: store.Json = {"threads": stream.framework.threads()}
    for name, visit in (("loss", stream.add), ("gradient", stream.differentiate)):
        began = perf_counter()
        peak = host_peak(visit)
        record[name] = {"seconds": perf_counter() - began, "peak": peak}
    return record | {"errors": stream.errors()}


def main() -> None:
    """Do the job that standard input describes."""
    job = json.load(sys.stdin)
    config = job["config"]
    record = measured(config["backend"], config["voxels"])
    store.write(Path(job["path"]), {"config": config, "load": job["load"], **record})


if __name__ == "__main__":
    main()
