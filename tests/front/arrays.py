"""Arrays of every framework, and its own autodiff."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unifocal.certificate.backends import Backend


def calls(soft: bool = False, sigmoid: bool = False) -> dict[str, np.ndarray]:
    """Logits (2, 3, 2, 2), a target and a weight; class axis 1, as the front door's default."""
    rng = np.random.default_rng(11)
    logits = rng.normal(scale=2.0, size=(2, 3, 2, 2))
    target = rng.integers(0, 3, size=(2, 2, 2))
    if soft or sigmoid:
        target = rng.random((2, 3, 2, 2))
        target = target if sigmoid else target / target.sum(axis=1, keepdims=True)
    return {"logits": logits, "target": target, "weight": rng.uniform(0.5, 2.0, size=(2, 2, 2))}


def native(backend: Backend, arrays: dict[str, Any]) -> dict[str, Any]:
    """NumPy arrays as the framework's; what is no array stays as it is."""
    return {
        name: backend.asarray(x) if isinstance(x, np.ndarray) else x for name, x in arrays.items()
    }


def autodiff(backend: Backend, loss: Any, logits: Any, *constants: Any) -> np.ndarray:
    """The gradient by the logits, by the framework's own autodiff."""
    if backend is Backend.TORCH:
        logits = logits.clone().requires_grad_()
        loss(logits, *constants).backward()
        return logits.grad.numpy()
    if backend is Backend.JAX:
        import jax

        return np.asarray(jax.grad(loss)(logits, *constants))
    if backend is Backend.TENSORFLOW:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(logits, *constants)
        return tape.gradient(value, logits).numpy()
    pytest.skip("NumPy has no autodiff")


def is_native(backend: Backend, x: Any) -> bool:
    """Whether a result is what the framework itself would return."""
    if backend is Backend.NUMPY:
        return isinstance(x, np.floating | np.ndarray)
    if backend is Backend.TORCH:
        import torch

        return isinstance(x, torch.Tensor)
    if backend is Backend.JAX:
        import jax

        return isinstance(x, jax.Array)
    import tensorflow as tf

    return isinstance(x, tf.Tensor)
