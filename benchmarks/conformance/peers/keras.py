"""Keras: called with (target, prediction), classes last, one-hot targets."""

from __future__ import annotations

from typing import Any

import keras

from benchmarks.conformance.peer import Array, Peer


def _run(loss: keras.losses.Loss, prediction: Array, target: Array) -> float:
    return float(keras.ops.convert_to_numpy(loss(target, prediction)))


def _spatial(prediction: Array) -> tuple[int, ...]:
    return tuple(range(1, prediction.ndim - 1))


def _cross_entropy(logits: Array, target: Array) -> float:
    return _run(keras.losses.CategoricalCrossentropy(from_logits=True), logits, target)


def _focal(logits: Array, target: Array, alpha: Any, gamma: float) -> float:
    loss = keras.losses.CategoricalFocalCrossentropy(alpha, gamma, from_logits=True)
    return _run(loss, logits, target)


def _binary_focal(logits: Array, target: Array, alpha: float, gamma: float) -> float:
    loss = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=alpha, gamma=gamma, from_logits=True
    )
    return _run(loss, logits, target)


def _dice(probabilities: Array, target: Array) -> float:
    return _run(keras.losses.Dice(), probabilities, target)


def _spatial_dice(probabilities: Array, target: Array) -> float:
    return _run(keras.losses.Dice(axis=_spatial(probabilities)), probabilities, target)


def _tversky(probabilities: Array, target: Array, alpha: float, beta: float) -> float:
    return _run(keras.losses.Tversky(alpha, beta), probabilities, target)


def _spatial_tversky(probabilities: Array, target: Array, alpha: float, beta: float) -> float:
    loss = keras.losses.Tversky(alpha, beta, axis=_spatial(probabilities))
    return _run(loss, probabilities, target)


def _peer(call: str, loss: str, function: Any) -> Peer:
    return Peer("Keras", "keras", call, loss, function)


PEERS = [
    _peer("CategoricalCrossentropy(from_logits=True)", "cross_entropy", _cross_entropy),
    _peer("CategoricalFocalCrossentropy(α, γ, from_logits=True)", "focal", _focal),
    _peer(
        "BinaryFocalCrossentropy(True, α, γ, from_logits=True)",
        "focal",
        _binary_focal,
    ),
    _peer("Dice()", "dice", _dice),
    _peer("Dice(axis=spatial axes)", "dice", _spatial_dice),
    _peer("Tversky(alpha=α, beta=β)", "tversky", _tversky),
    _peer("Tversky(alpha=α, beta=β, axis=spatial axes)", "tversky", _spatial_tversky),
]
