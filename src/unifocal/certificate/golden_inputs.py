"""The calls whose values are golden: one list of inputs, the same for every loss.

Logits, soft targets and weights are small multiples of a power of two, exact in every float dtype
down to bfloat16, so that a wrong number can never be blamed on rounding the input. The one
exception says so (`exact_in`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from unifocal_spec import LOSSES, OPTIONS

Array = np.ndarray[Any, Any]

OTHER_HYPER: dict[str, dict[str, Any]] = {
    "cross_entropy": {},
    "focal": {"alpha": None, "gamma": 0.5},
    "dice": {},
    "tversky": {"alpha": 0.8, "beta": 0.1},
    "focal_tversky": {"alpha": 0.6, "beta": 0.4, "gamma": 0.75},
    "combo": {"alpha": 0.2, "beta": 0.9},
    "hybrid_focal": {"lam": 0.1, "focal_alpha": 0.6, "focal_gamma": 1.5, "tversky_gamma": 2.0},
    "asymmetric_focal": {"delta": 0.3, "gamma": 2.5, "rare": [0]},
    "asymmetric_focal_tversky": {"delta": 0.9, "gamma": 0.75, "rare": [0, 1]},
    "unified_focal": {"lam": 0.8, "delta": 0.25, "gamma": 0.5, "rare": []},
}
"""Hyperparameters away from their defaults, none equal to another of the same loss."""

PER_CLASS: dict[str, dict[str, Any]] = {
    "focal": {"alpha": [0.5, 1.5, 0.25]},
    "combo": {"beta": [0.125, 2.0, 0.75]},
    "hybrid_focal": {"focal_alpha": [0.5, 1.5, 0.25]},
    "asymmetric_focal": {"rare": [2]},
    "asymmetric_focal_tversky": {"rare": [2]},
    "unified_focal": {"rare": [2]},
}
"""Hyperparameters with a say for each of three classes, where a loss has them."""


@dataclass(frozen=True)
class Inputs:
    """One call: arrays, every option and every hyperparameter."""

    name: str
    logits: Array
    target: Array
    weight: Array | None
    options: dict[str, Any]
    hyper: dict[str, Any]


class _Draw:
    """Numbers of few bits, from a generator that gives the same on every Python."""

    def __init__(self, seed: int):
        self._random = Random(seed).random

    def _integers(self, count: int, shape: tuple[int, ...]) -> Array:
        flat = [int(self._random() * count) for _ in range(int(np.prod(shape)))]
        return np.array(flat, dtype=np.int64).reshape(shape)

    def logits(self, *shape: int) -> Array:
        """Multiples of 1/64 between −4 and 4."""
        return (self._integers(511, shape) - 255) / 64

    def labels(self, classes: int, *shape: int) -> Array:
        """Class indices, each class at least once."""
        labels = self._integers(classes, shape)
        labels.flat[:classes] = np.arange(classes)
        return labels

    def weights(self, *shape: int) -> Array:
        """Multiples of 1/2 between 0 and 2."""
        return self._integers(5, shape) / 2

    def fractions(self, *shape: int) -> Array:
        """Multiples of 1/16 between 0 and 1."""
        return self._integers(17, shape) / 16

    def simplex(self, unit: int, *shape: int) -> Array:
        """Positive multiples of 1/unit along axis 1 that sum to 1."""
        shares = 1 + self._integers(unit // 2, shape)
        shares = np.maximum(shares * unit // shares.sum(axis=1, keepdims=True), 1)
        shares[:, 0] += unit - shares.sum(axis=1)
        return shares / unit


def _one_hot(labels: Array, classes: int) -> Array:
    return np.moveaxis(np.eye(classes)[labels], -1, 1)


def _saturated(size: float, right: bool) -> tuple[Array, Array]:
    """Three classes, one pixel each: its logit (or that of the next class) is high, others low."""
    step = 2.0 ** np.floor(np.log2(size) - 7)  # the last bit that bfloat16 has at this size
    t = np.array([[0, 1, 2]])
    named = t if right else (t + 1) % 3
    variety = step * np.arange(9).reshape(1, 3, 3)
    return np.where(_one_hot(named, 3) == 1, size, -size) + variety, t


def _ten_thousand(right: bool) -> tuple[Array, Array]:
    """Two classes, kept small: these numbers need thousands of digits."""
    t = np.array([[0, 1]])
    foreground = np.where((t == 1) == right, 1e4, -1e4)
    return np.stack([np.zeros((1, 2)), foreground], axis=1), t


def _ignored(labels: Array) -> Array:
    """Every third pixel ignored."""
    return np.where(np.arange(labels.size).reshape(labels.shape) % 3 == 2, 255, labels)


def _calls() -> Iterator[tuple[Any, ...]]:
    """Yield name, logits, target, weight and options of each call with default hyperparameters."""
    draw = _Draw(20210204)
    z, t = draw.logits(2, 3, 2, 2), draw.labels(3, 2, 2, 2)
    yield "defaults", z, t, None, {}
    z, t = draw.logits(1, 2, 1, 3, 2), draw.labels(2, 1, 2, 1, 3)
    yield "two classes, three dimensions, classes last", z, t, None, {"axis": -1}
    z, t = draw.logits(5, 5), draw.labels(5, 5)
    yield "five classes, no spatial dimension", z, t, None, {}
    z, t = draw.logits(2, 3, 3), draw.labels(3, 2, 3)
    yield "one-hot target", z, _one_hot(t, 3), None, {}
    yield "soft target", z, draw.simplex(16, 2, 3, 3), None, {}
    sigmoid = {"activation": "sigmoid"}
    yield "one sigmoid channel", draw.logits(2, 1, 4), draw.labels(2, 2, 4), None, sigmoid
    z, t = draw.logits(2, 3, 2), draw.fractions(2, 3, 2)
    yield "three sigmoid channels, soft target", z, t, None, sigmoid
    p, t = draw.simplex(64, 2, 3, 3), draw.labels(3, 2, 3)
    yield "probabilities", p, t, None, {"activation": "none"}
    z, t = draw.logits(2, 3, 5), _ignored(draw.labels(3, 2, 5))
    ignore = {"ignore_index": 255}
    yield "ignore_index and weight", z, t, draw.weights(2, 5), ignore
    z, t = draw.logits(2, 3, 4), draw.labels(3, 2, 4)
    yield "weight of one row for all samples", z, t, draw.weights(4) + 0.5, {}
    omega = {"class_weights": [0.5, 2.0, 1.25]}
    left_out = {"include_background": False}
    yield "class_weights", z, t, None, omega
    yield "background left out", z, t, None, left_out
    yield "class_weights, background left out", z, t, None, omega | left_out
    absent = np.array([[0, 1, 1, 0], [0, 0, 0, 0]])
    for how in ("include", "skip"):
        yield f"absent classes, {how}", draw.logits(2, 3, 4), absent, None, {"absent": how}
    sums = {"reduction": "sum", "class_reduction": "sum"}
    z, t = draw.logits(3, 3, 2), draw.labels(3, 3, 2)
    yield "sums over samples and classes", z, t, None, sums
    yield "one region of the batch, sum over classes", z, t, None, sums | {"over": "batch"}
    yield "uniform prediction", np.zeros((1, 3, 4)), np.array([[0, 0, 1, 2]]), None, {}
    z, t = draw.logits(2, 3, 3), draw.labels(3, 2, 3)
    yield "one sample ignored", z, np.where([[False], [True]], 255, t), None, ignore
    yield "everything ignored", z, t, np.zeros((2, 3)), {}
    for right in (True, False):
        how = "right" if right else "wrong"
        for size in (20.0, 100.0):
            yield f"saturated ±{size:g}, {how}", *_saturated(size, right), None, {}
        yield f"saturated ±1e4, {how}", *_ten_thousand(right), None, {}


def inputs(loss: str) -> list[Inputs]:
    """Return every call of a loss whose value is golden."""
    # The weight is an array, and the precision no part of what a loss means.
    options = {k: v for k, v in OPTIONS.items() if k not in ("weight", "precision")}
    hyper = LOSSES[loss].defaults
    calls = [Inputs(name, z, t, w, options | given, hyper) for name, z, t, w, given in _calls()]
    first = calls[0]
    others = {"other hyperparameters": OTHER_HYPER, "hyperparameters per class": PER_CLASS}
    for name, table in others.items():
        if given := table.get(loss):
            arrays = (first.logits, first.target, first.weight)
            calls.append(Inputs(name, *arrays, options, hyper | given))
    arrays = (first.logits, first.target, first.weight)
    calls.append(Inputs("smooth 1", *arrays, options | {"smooth": 1.0}, hyper))
    return calls


def _survives(dtype: str, x: Array) -> bool:
    if dtype == "bfloat16":  # float32 without its last 16 bits
        single = np.ascontiguousarray(x, dtype=np.float32)
        return bool((single == x).all() and not (single.view(np.uint32) & 0xFFFF).any())
    with np.errstate(over="ignore"):
        return bool((x.astype(dtype) == x).all())


def exact_in(*arrays: Array | None) -> tuple[str, ...]:
    """Return the float dtypes that hold every entry of the arrays exactly."""
    floats = [x for x in arrays if x is not None and x.dtype.kind == "f"]
    dtypes = ("bfloat16", "float16", "float32", "float64")
    return tuple(dtype for dtype in dtypes if all(_survives(dtype, x) for x in floats))
