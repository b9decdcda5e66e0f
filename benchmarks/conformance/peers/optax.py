"""Optax: classes last, one-hot targets. It leaves the mean over samples or pixels to its user."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.conformance.peer import Array, Peer


def _run(loss: Any, logits: Array, target: Array, **keywords: Any) -> tuple[float, Array]:
    def mean(z: jax.Array) -> jax.Array:
        return loss(z, jnp.asarray(target, z.dtype), **keywords).mean()

    value, gradient = jax.value_and_grad(mean)(jnp.asarray(logits, jnp.float32))
    return float(value), np.asarray(gradient)


def _cross_entropy(logits: Array, target: Array) -> Any:
    return _run(optax.losses.softmax_cross_entropy, logits, target)


def _dice(logits: Array, target: Array) -> Any:
    return _run(optax.losses.dice_loss, logits, target)


def _tversky(logits: Array, target: Array, alpha: float, beta: float) -> Any:
    return _run(optax.losses.dice_loss, logits, target, alpha=alpha, beta=beta)


def _focal(logits: Array, target: Array, alpha: float, gamma: float) -> Any:
    return _run(optax.losses.sigmoid_focal_loss, logits, target, alpha=alpha, gamma=gamma)


def _peer(call: str, loss: str, function: Any) -> Peer:
    return Peer("Optax", "optax", call, loss, function)


PEERS = [
    _peer("softmax_cross_entropy().mean()", "cross_entropy", _cross_entropy),
    _peer("dice_loss().mean()", "dice", _dice),
    _peer("dice_loss(alpha=α, beta=β).mean()", "tversky", _tversky),
    _peer("sigmoid_focal_loss(alpha=α, gamma=γ).mean()", "focal", _focal),
]
