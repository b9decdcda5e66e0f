"""The devices that a framework has on this machine, under names common to all frameworks."""

from __future__ import annotations

import contextlib
import os
import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

KINDS = ("cpu", "gpu", "tpu")
"""What a device can be; "gpu" is whatever the framework accelerates with: CUDA, ROCm or MPS."""


@dataclass(frozen=True)
class Device:
    """Where a framework computes."""

    kind: str
    title: str
    """The hardware, as its maker calls it."""
    native: Any
    """What the framework itself takes for this device."""
    has_float64: bool = True


@cache
def processor() -> str:
    """The name of this machine's processor and the number of cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{processor_name()}, {cores} cores"


def processor_name() -> str:
    """The name of this machine's processor, which Linux keeps in a file."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text("utf-8").splitlines():
            key, _, name = line.partition(":")
            if key.strip() == "model name":
                return name.strip()
    return platform.processor() or platform.machine()


def _numpy() -> list[Device]:
    return [Device("cpu", processor(), None)]


def _torch() -> list[Device]:
    import torch

    found = [Device("cpu", processor(), "cpu")]
    if torch.cuda.is_available():
        found.append(Device("gpu", torch.cuda.get_device_name(), "cuda"))
    elif torch.backends.mps.is_available():
        found.append(Device("gpu", f"{processor()}, MPS", "mps", has_float64=False))
    return found


def _jax() -> list[Device]:
    import jax

    found = [Device("cpu", processor(), jax.local_devices(backend="cpu")[0])]
    default = jax.local_devices()[0]
    if default.platform != "cpu":
        kind = "tpu" if default.platform == "tpu" else "gpu"
        found.append(Device(kind, default.device_kind, default))
    return found


def _tensorflow() -> list[Device]:
    import tensorflow as tf

    found = [Device("cpu", processor(), "/CPU:0")]
    for gpu in tf.config.list_physical_devices("GPU")[:1]:
        details = tf.config.experimental.get_device_details(gpu)
        found.append(Device("gpu", details.get("device_name", gpu.name), "/GPU:0"))
    return found


_DEVICES = {"numpy": _numpy, "torch": _torch, "jax": _jax, "tensorflow": _tensorflow}


def devices(framework: str) -> list[Device]:
    """Return the CPU and, where the framework has one, its first accelerator."""
    return _DEVICES[framework]()


def placement(framework: str, device: Device | None) -> AbstractContextManager[Any]:
    """Within it, the arrays and programs of JAX and TensorFlow are on the device."""
    if device is not None and framework == "jax":
        switch: AbstractContextManager[Any] = import_module("jax").default_device(device.native)
        return switch
    if device is not None and framework == "tensorflow":
        return import_module("tensorflow").device(device.native)
    return contextlib.nullcontext()
