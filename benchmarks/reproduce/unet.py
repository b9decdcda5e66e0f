"""The 2-D U-Net of the paper's experiments, once for every backend, and its initial weights.

The paper names Ronneberger's network but ran MIScnn's standard one: same padding, batch norm after
ReLU, no dropout. The weights' start is drawn by NumPy, because each backend's own initialiser gives
different numbers for the same seed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

CLASSES = 2


def unet(size: int, filters: int, depth: int, batch_norm_momentum: float) -> keras.Model:
    """``filters`` doubling over ``depth`` poolings; one channel in, logits of two classes out."""

    def block(x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
        for i in (1, 2):
            x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"{name}_conv{i}")(
                x
            )
            x = layers.BatchNormalization(
                momentum=batch_norm_momentum, epsilon=1e-3, name=f"{name}_norm{i}"
            )(x)
        return x

    inputs = x = keras.Input((size, size, 1))
    skips = []
    for level in range(depth):
        x = block(x, filters * 2**level, f"down{level}")
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = block(x, filters * 2**depth, "middle")
    for level in reversed(range(depth)):
        width = filters * 2**level
        x = layers.Conv2DTranspose(width, 2, strides=2, padding="same", name=f"up{level}")(x)
        x = layers.Concatenate()([x, skips[level]])
        x = block(x, width, f"up{level}")
    return keras.Model(inputs, layers.Conv2D(CLASSES, 1, name="logits")(x), name="unet")


def initial_value(
    name: str, shape: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Glorot uniform for a kernel, one for a scale or a variance, zero for everything else."""
    if name == "kernel":
        limit = np.sqrt(6 / (np.prod(shape[:-2]) * sum(shape[-2:])))
        return rng.uniform(-limit, limit, shape).astype(np.float32)
    return np.full(shape, float(name in {"gamma", "moving_variance"}), np.float32)


def write_initial_weights(path: Path, model: keras.Model, seed: int) -> None:
    """Draw the start of every weight of ``model`` into one NumPy file, unless it is there."""
    if path.exists():
        return
    rng = np.random.default_rng(seed)
    values: dict[str, Any] = {
        w.path: initial_value(w.name, tuple(w.shape), rng) for w in model.weights
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished.npz")
    np.savez(unfinished, **values)
    unfinished.rename(path)


def load_weights(path: Path, model: keras.Model) -> None:
    """Give ``model`` the weights of a NumPy file, by their path in the network."""
    with np.load(path) as values:
        model.set_weights([values[w.path] for w in model.weights])
