"""Several devices by the framework's own means, each with a part of every batch.

JAX: ``keras.distribution.DataParallel`` over all devices. TensorFlow: ``tf.distribute``'s mirrored
strategy over all devices. PyTorch: ``DistributedDataParallel``, one process per device, started by
``torchrun``. The loss sees the logits of the whole batch, so that k devices have the loss of one,
whatever it sums over. Batch norm's statistics are those of the whole batch too, except on PyTorch,
where they are each device's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray


class Devices(NamedTuple):
    """How many share a batch, and which of how many processes this is."""

    count: int = 1
    processes: int = 1
    rank: int = 0

    @property
    def main(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def share(self, items: list[Any]) -> list[Any]:
        """What this process does of a list of things to be done."""
        return items[self.rank :: self.processes]

    def collect(self, part: dict[str, Any]) -> dict[str, Any]:
        """The parts of all processes in one."""
        if self.processes == 1:
            return part
        import torch

        parts: list[Any] = [None] * self.processes
        torch.distributed.all_gather_object(parts, part)
        return {name: value for each in parts for name, value in each.items()}


@contextmanager
def distribute(kind: str, batch: int) -> Iterator[Devices]:
    """Where network and optimiser must be made and used."""
    if kind == "none":
        yield Devices()
        return
    scope = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[keras.backend.backend()]
    with scope() as devices:
        if batch % devices.count:
            raise ValueError(
                f"batch must be a multiple of the number of devices, {devices.count}, got {batch}"
            )
        yield devices


@contextmanager
def _jax() -> Iterator[Devices]:
    devices = keras.distribution.list_devices()
    with keras.distribution.DataParallel(devices=devices).scope():
        yield Devices(len(devices))


@contextmanager
def _tensorflow() -> Iterator[Devices]:
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    with strategy.scope():
        yield Devices(strategy.num_replicas_in_sync)


@contextmanager
def _torch() -> Iterator[Devices]:
    import torch
    from torch import distributed

    if "WORLD_SIZE" not in os.environ:
        raise ValueError(
            "distribution on PyTorch takes one process per device: start it with torchrun"
        )
    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if gpu else "gloo")
    try:
        count = distributed.get_world_size()
        yield Devices(count, count, distributed.get_rank())
    finally:
        distributed.destroy_process_group()


def part(array: NDArray[Any], number: int, count: int) -> NDArray[Any]:
    """The part of a batch that device ``number`` of ``count`` has."""
    return np.split(array, count)[number]
