"""Batches as a pure function of seed, epoch and step, and their computation ahead of their use.

NumPy draws everything, so that every backend trains on the same numbers, and a run that was killed
goes on with the batch it would have had.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from math import ceil
from multiprocessing import get_context, parent_process
from threading import Thread

import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.reproduce.datasets.dataset import Image, Label
from benchmarks.reproduce.inputs.augment import augment, margin
from benchmarks.reproduce.inputs.patches import crop, random_start
from benchmarks.reproduce.inputs.preprocess import Prepared

MOST_WORKERS = 12

Batch = tuple[NDArray[np.float32], NDArray[np.uint8]]


@dataclass(frozen=True)
class Batches:
    """The batches of the epochs of a training.

    ``patch`` is cut from each image at a random place; None takes whole images. An epoch has
    ``length`` steps, through the cases in a new order as often as that needs; None makes it one
    pass of full batches, whose remainder is left out of that epoch.
    """

    prepared: Prepared
    cases: tuple[int, ...]
    batch: int
    patch: tuple[int, ...] | None
    augment: bool
    seed: int
    steps: int

    def __init__(
        self,
        prepared: Prepared,
        cases: Sequence[int] | NDArray[np.int64],
        *,
        batch: int,
        patch: tuple[int, ...] | None = None,
        augment: bool = False,
        seed: int = 0,
        steps: int | None = None,
    ) -> None:
        if not len(cases):
            raise ValueError("cases: expected at least one, got none")
        if batch < 1 or (steps is not None and steps < 1):
            raise ValueError(f"batch, steps: expected at least 1, got {batch} and {steps}")
        if patch is not None and len(patch) != prepared.dimensions:
            raise ValueError(f"patch: expected {prepared.dimensions} numbers, got {patch}")
        if steps is None:
            batch = min(batch, len(cases))
            steps = len(cases) // batch
        values = (prepared, tuple(map(int, cases)), batch, patch, augment, seed, steps)
        for name, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, name, value)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The case numbers (steps, batch) of an epoch."""
        rng = np.random.default_rng([self.seed, epoch])
        wanted = self.steps * self.batch
        passes = ceil(wanted / len(self.cases))
        order = np.concatenate([rng.permutation(self.cases) for _ in range(passes)])
        return order[:wanted].reshape(self.steps, self.batch)

    def __call__(self, epoch: int, step: int) -> Batch:
        """Images (B, *patch, 1) and labels (B, *patch)."""
        rng = np.random.default_rng([self.seed, epoch, step])
        samples = [self.sample(rng, int(i)) for i in self.order(epoch)[step]]
        images, labels = zip(*samples, strict=True)
        return np.stack(images)[..., None], np.stack(labels)

    def sample(self, rng: np.random.Generator, case: int) -> tuple[Image, Label]:
        """One image and its label, cut and augmented."""
        image, label = self.prepared.image(case)[..., 0], self.prepared.label(case)
        size = image.shape
        if self.patch is not None:
            size = self.patch
            around = margin(size) if self.augment else (0,) * len(size)
            start = random_start(rng, image.shape, size) - around
            box = np.add(size, np.multiply(2, around))
            image, label = crop(image, start, box), crop(label, start, box)
        return augment(rng, image, label, size) if self.augment else (image, label)


def prefetch(
    batches: Batches, epoch: int, first_step: int = 0, workers: int | None = None
) -> Iterator[Batch]:
    """The batches of an epoch in order, computed in ``workers`` processes before they are used.

    The work begins with the call, not with the first batch that is asked for. By default there are
    as many processes as processors to spare; none but a thread of this one where whole images are
    taken as they are, because that costs less than another process's answer.
    """
    if workers is None:
        as_they_are = batches.patch is None and not batches.augment
        workers = 0 if as_they_are else min(MOST_WORKERS, max(1, cpu_count() - 1))
    pool = _pool(workers)
    jobs = (pool.submit(batches, epoch, step) for step in range(first_step, batches.steps))
    return _in_order(deque(islice(jobs, max(1, 2 * workers))), jobs)


def _in_order(ahead: deque[Future[Batch]], jobs: Iterator[Future[Batch]]) -> Iterator[Batch]:
    """The results of ``ahead``, of which each that is taken is replaced by the next of ``jobs``."""
    try:
        while ahead:
            batch = ahead.popleft().result()
            ahead.extend(islice(jobs, 1))
            yield batch
    finally:
        for future in ahead:
            future.cancel()


@lru_cache(maxsize=1)
def _pool(workers: int) -> Executor:
    """Processes, or a thread, that live as long as this one.

    Forked processes would inherit a framework's locks.
    """
    if workers == 0:
        return ThreadPoolExecutor(1)
    return ProcessPoolExecutor(workers, get_context("spawn"), _start_worker)


def _start_worker() -> None:
    """One thread for each process, and no process without the one that started it."""
    threadpool_limits(1)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
