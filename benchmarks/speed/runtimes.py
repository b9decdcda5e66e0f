"""How each framework gives a loss' value and gradient, and tells when it has."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.speed import memory
from benchmarks.speed.subjects import KERAS, Loss
from benchmarks.speed.workloads import Array, Workload

Call = Callable[[], Any]
"""Computes value and gradient; both are there when it returns."""


class NumPy:
    """NumPy, and what the frameworks have in common."""

    axis = 1
    labels: type[np.integer[Any]] = np.int64

    def arrays(self, workload: Workload) -> tuple[Any, Any]:
        """Logits and class indices."""
        return (
            self.asarray(workload.logits(self.axis)),
            self.asarray(workload.labels(self.labels)),
        )

    def asarray(self, x: Array) -> Any:
        """An array of the framework, where it computes."""
        return x

    def sizes(self, workload: Workload) -> tuple[int, int]:
        """Bytes of logits and class indices."""
        logits = workload.pixels * workload.classes * np.dtype(workload.dtype).itemsize
        return logits, workload.pixels * np.dtype(self.labels).itemsize

    def threads(self) -> int:
        """How many threads compute."""
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1

    def call(self, loss: Loss, mode: str, logits: Any, target: Any) -> Call:
        """Value and gradient of a loss."""
        from unifocal import value_and_grad

        both = value_and_grad(loss)
        return lambda: both(logits, target)

    def peak(self, call: Call) -> int | None:
        """Extra bytes at the peak of a call; None where they cannot be told."""
        return memory.host_peak(call)

    def saved(self, loss: Loss, mode: str, logits: Any, target: Any) -> int | None:
        """Bytes kept for backward; None where they cannot be told."""
        return None


class Torch(NumPy):
    """PyTorch, on a CUDA device where there is one."""

    def __init__(self, axis: int = 1) -> None:
        import torch

        self.torch, self.axis = torch, axis
        self.cuda = torch.cuda.is_available()

    def asarray(self, x: Array) -> Any:
        """Logits need a gradient; indices have none."""
        tensor = self.torch.from_numpy(x).to("cuda" if self.cuda else "cpu")
        return tensor.requires_grad_(tensor.is_floating_point())

    def threads(self) -> int:
        """As PyTorch says."""
        threads: int = self.torch.get_num_threads()
        return threads

    def _prepared(self, loss: Loss, mode: str) -> Loss:
        # Each workload has its own program: a general one for all sizes would be a slower one.
        return self.torch.compile(loss, dynamic=False) if mode == "compile" else loss

    def call(self, loss: Loss, mode: str, logits: Any, target: Any) -> Call:
        """By autograd."""
        prepared = self._prepared(loss, mode)

        def call() -> Any:
            value = prepared(logits, target)
            gradient = self.torch.autograd.grad(value, logits)
            if self.cuda:
                self.torch.cuda.synchronize()
            return value.detach(), gradient

        return call

    def peak(self, call: Call) -> int | None:
        """From PyTorch's own allocator on a CUDA device."""
        if not self.cuda:
            return memory.host_peak(call)
        self.torch.cuda.reset_peak_memory_stats()
        before = self.torch.cuda.memory_allocated()
        call()
        peak: int = self.torch.cuda.max_memory_allocated() - before
        return peak

    def saved(self, loss: Loss, mode: str, logits: Any, target: Any) -> int | None:
        """Of distinct tensors; sums, which are below 4 KiB, aside."""
        kept: dict[tuple[int, int], int] = {}

        def keep(x: Any) -> Any:
            kept[x.data_ptr(), x.nbytes] = x.nbytes
            return x

        with self.torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            value = self._prepared(loss, mode)(logits, target)
        del value  # only now: what is freed could be saved again at the same address
        return sum(size for size in kept.values() if size >= 4096)


class Jax(NumPy):
    """JAX, on its default device."""

    axis = -1
    labels = np.int32

    def __init__(self) -> None:
        import jax

        self.jax = jax
        self.accelerated = jax.default_backend() != "cpu"

    def asarray(self, x: Array) -> Any:
        """On the default device."""
        return self.jax.block_until_ready(self.jax.numpy.asarray(x))

    def call(self, loss: Loss, mode: str, logits: Any, target: Any) -> Call:
        """By `jax.value_and_grad`."""
        both = self.jax.value_and_grad(loss)
        function = self.jax.jit(both) if mode == "jit" else both
        return lambda: self.jax.block_until_ready(function(logits, target))

    def peak(self, call: Call) -> int | None:
        """Of the host alone."""
        return None if self.accelerated else memory.host_peak(call)


class TensorFlow(NumPy):
    """TensorFlow, on its default device."""

    axis = -1
    labels = np.int32

    def __init__(self) -> None:
        import tensorflow as tf

        self.tf = tf
        self.accelerated = bool(tf.config.list_physical_devices("GPU"))

    def asarray(self, x: Array) -> Any:
        """On the default device."""
        return self.tf.constant(x)

    def call(self, loss: Loss, mode: str, logits: Any, target: Any) -> Call:
        """By `tf.GradientTape`."""
        tf = self.tf

        def both(z: Any, t: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(z)
                value = loss(z, t)
            return value, tape.gradient(value, z)

        function = both if mode == "eager" else tf.function(both, jit_compile=mode == "xla")

        def call() -> Any:
            result = function(logits, target)
            if self.accelerated:
                tf.test.experimental.sync_devices()
            return result

        return call

    def peak(self, call: Call) -> int | None:
        """Of the host alone."""
        return None if self.accelerated else memory.host_peak(call)


def _keras(backend: str) -> NumPy:
    """The framework beneath Keras, classes last."""
    os.environ["KERAS_BACKEND"] = backend  # read when Keras is first imported
    import keras

    keras.config.set_image_data_format("channels_last")
    return (
        Torch(axis=-1) if backend == "torch" else {"jax": Jax, "tensorflow": TensorFlow}[backend]()
    )


def load(runtime: str) -> NumPy:
    """Import a framework."""
    if runtime in KERAS:
        return _keras(runtime.removeprefix("keras-"))
    return {"numpy": NumPy, "torch": Torch, "jax": Jax, "tensorflow": TensorFlow}[runtime]()
