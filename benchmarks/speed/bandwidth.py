"""The machine's copy bandwidth, and the least time that a loss could take with it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np

BYTES = 1 << 28
REPEATS = 10


def copied() -> float:
    """Bytes read and written per second by copying with every core, at best."""
    source, copy = np.ones(BYTES, np.uint8), np.zeros(BYTES, np.uint8)
    workers = os.cpu_count() or 1
    pieces = list(zip(np.array_split(copy, workers), np.array_split(source, workers), strict=True))
    with ThreadPoolExecutor(workers) as pool:

        def seconds() -> float:
            began = perf_counter()
            list(pool.map(lambda piece: np.copyto(*piece), pieces))
            return perf_counter() - began

        return 2 * BYTES / min(seconds() for _ in range(REPEATS))


def bound(logits: int, labels: int, bandwidth: float) -> float:
    """Seconds to read logits and labels twice and to write the gradient once.

    Twice, because a gradient needs the sums over all pixels. What fits into a cache can be faster.
    """
    return (3 * logits + 2 * labels) / bandwidth
