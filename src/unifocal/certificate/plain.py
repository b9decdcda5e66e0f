"""The textbook formulas, as a user types them: softmax, one-hot, logarithm, sum.

They are here to be compared with, on the frameworks' own functions and gradients. None guards its
logarithm, and all add up in the dtype of the logits, as such code does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

Array = Any
SMOOTH = 1e-5


@dataclass(frozen=True)
class Words:
    """The few words of a framework that the formulas need, and where it has classes and pixels."""

    softmax: Callable[[Array], Array]
    one_hot: Callable[[Array, int], Array]
    log: Callable[[Array], Array]
    sum_pixels: Callable[[Array], Array]
    sum_classes: Callable[[Array], Array]
    mean: Callable[[Array], Array]
    classes: Callable[[Array], tuple[Array, Array]]
    """The two classes of an array: background and foreground."""


def cross_entropy(do: Words, z: Array, label: Array) -> Array:
    """Mean of −log p of the labelled class."""
    t, p = do.one_hot(label, 2), do.softmax(z)
    return -do.mean(do.sum_classes(t * do.log(p)))


def dice(do: Words, z: Array, label: Array) -> Array:
    """One minus the mean Dice score of the two classes."""
    t, p = do.one_hot(label, 2), do.softmax(z)
    overlap = 2 * do.sum_pixels(p * t) + 2 * SMOOTH
    return 1 - do.mean(overlap / (do.sum_pixels(p) + do.sum_pixels(t) + 2 * SMOOTH))


def unified_focal(do: Words, z: Array, label: Array) -> Array:
    """The asymmetric Unified Focal loss with λ = 0.5, δ = 0.6, γ = 0.2."""
    lam, delta, gamma = 0.5, 0.6, 0.2
    t, p = do.one_hot(label, 2), do.softmax(z)
    background, foreground = do.classes(-t * do.log(p))
    q = 1 - do.classes(p)[0]
    pixel = do.mean((1 - delta) * q**gamma * background + delta * foreground)
    tp, fp, fn = (do.sum_pixels(x) for x in (p * t, p * (1 - t), (1 - p) * t))
    index = (tp + SMOOTH) / (tp + (1 - delta) * fp + delta * fn + SMOOTH)
    common, rare = do.classes(index)
    region = do.mean((1 - common) + (1 - rare) ** (1 - gamma)) / 2
    return lam * pixel + (1 - lam) * region


FORMULAS = {"cross_entropy": cross_entropy, "dice": dice, "unified_focal": unified_focal}


def _torch() -> Words:
    """Classes along axis 1."""
    import torch

    return Words(
        softmax=lambda z: torch.softmax(z, dim=1),
        one_hot=lambda t, n: torch.nn.functional.one_hot(t, n).movedim(-1, 1).float(),
        log=torch.log,
        sum_pixels=lambda x: torch.sum(x, dim=2),
        sum_classes=lambda x: torch.sum(x, dim=1),
        mean=torch.mean,
        classes=lambda x: (x[:, 0], x[:, 1]),
    )


def _jax() -> Words:
    """Classes last."""
    import jax
    import jax.numpy as jnp

    return Words(
        softmax=jax.nn.softmax,
        one_hot=jax.nn.one_hot,
        log=jnp.log,
        sum_pixels=lambda x: jnp.sum(x, axis=1),
        sum_classes=lambda x: jnp.sum(x, axis=-1),
        mean=jnp.mean,
        classes=lambda x: (x[..., 0], x[..., 1]),
    )


def _tensorflow() -> Words:
    """Classes last."""
    import tensorflow as tf

    return Words(
        softmax=tf.nn.softmax,
        one_hot=tf.one_hot,
        log=tf.math.log,
        sum_pixels=lambda x: tf.reduce_sum(x, axis=1),
        sum_classes=lambda x: tf.reduce_sum(x, axis=-1),
        mean=tf.reduce_mean,
        classes=lambda x: (x[..., 0], x[..., 1]),
    )


_WORDS = {"torch": _torch, "jax": _jax, "tensorflow": _tensorflow}


def formula(framework: str, loss: str) -> Callable[[Array, Array], Array]:
    """Return a loss of (logits, label) in a framework's own functions; that of JAX is jitted."""
    do = _WORDS[framework]()

    def evaluate(z: Array, label: Array, weight: None = None) -> Array:
        return FORMULAS[loss](do, z, label)

    return import_module("jax").jit(evaluate) if framework == "jax" else evaluate
