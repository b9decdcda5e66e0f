"""The start of a network, drawn by NumPy: for one seed, a backend's own gives other numbers.

Every weight is drawn by its name, so that it starts alike with and without the heads of deep
supervision beside it.
"""

from __future__ import annotations

import os
from pathlib import Path
from zlib import crc32

import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.reproduce.network.unet import ARCHITECTURES


def draw(start: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Glorot's uniform start of a kernel, or He's normal one."""
    inputs, outputs = (float(np.prod(shape[:-2])) * width for width in shape[-2:])
    if start == "glorot":
        limit = np.sqrt(6 / (inputs + outputs))
        return rng.uniform(-limit, limit, shape).astype(np.float32)
    return rng.normal(0, np.sqrt(2 / inputs), shape).astype(np.float32)


def initial_value(model: keras.Model, weight: keras.Variable, seed: int) -> NDArray[np.float32]:
    """A draw for a kernel, one for a scale or a variance, zero for everything else."""
    shape = tuple(weight.shape)
    if weight.name != "kernel":
        return np.full(shape, float(weight.name in {"gamma", "moving_variance"}), np.float32)
    rng = np.random.default_rng([seed, crc32(weight.path.encode())])
    return draw(ARCHITECTURES[model.name].start, shape, rng)


def write_initial_weights(path: Path, model: keras.Model, seed: int) -> None:
    """Draw the start of every weight of ``model`` into one NumPy file, unless it is there."""
    if path.exists():
        return
    values = {weight.path: initial_value(model, weight, seed) for weight in model.weights}
    path.parent.mkdir(parents=True, exist_ok=True)
    # several jobs may begin at once: each writes a file of its own, and the last one stays
    unfinished = path.with_suffix(f".{os.getpid()}.unfinished.npz")
    np.savez(unfinished, **values)
    unfinished.replace(path)


def load_weights(path: Path, model: keras.Model) -> None:
    """Give ``model`` the weights of a NumPy file, by their path in the network."""
    with np.load(path) as values:
        for weight in model.weights:
            wanted = tuple(weight.shape)
            found = values[weight.path].shape if weight.path in values else "none"
            if found != wanted:
                raise ValueError(f"{path}: wanted {weight.path} of shape {wanted}, found {found}")
        model.set_weights([values[weight.path] for weight in model.weights])
