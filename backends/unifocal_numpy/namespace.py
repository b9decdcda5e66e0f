"""NumPy under the array names that the engine uses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import (
    any,
    broadcast_to,
    clip,
    exp,
    expand_dims,
    floor,
    int64,
    log,
    log1p,
    max,
    maximum,
    moveaxis,
    ones_like,
    repeat,
    reshape,
    stack,
    take,
    where,
    zeros_like,
)
from numpy.typing import NDArray

__all__ = [
    "all_between",
    "any",
    "arange_like",
    "astype",
    "at_least_tiny",
    "broadcast_to",
    "clip",
    "count",
    "equals",
    "exp",
    "expand_dims",
    "floor",
    "int64",
    "log",
    "log1p",
    "max",
    "maximum",
    "mean",
    "moveaxis",
    "ones_like",
    "pick",
    "repeat",
    "reshape",
    "size",
    "stack",
    "sum",
    "take",
    "take_at",
    "tiny",
    "total",
    "vector",
    "where",
    "zeros_like",
]

Array = NDArray[Any]


def all_between(x: Array, low: int, high: int) -> bool:
    """Whether all entries are seen to lie in [low, high]."""
    return x.size > 0 and bool(x.min() >= low) and bool(x.max() <= high)


def arange_like(n: int, x: Array) -> Array:
    """0 … n − 1 with the dtype of x."""
    return np.arange(n, dtype=x.dtype)


def astype(x: Array, dtype: Any) -> Array:
    """X in another dtype."""
    return x.astype(dtype, copy=False)


def at_least_tiny(x: Array) -> Array:
    """X, or the smallest normal number where x is below it."""
    return np.maximum(x, np.finfo(x.dtype).tiny)


def count(x: Array, axis: int, dtype: Any) -> Any:
    """The length of an axis as a number to calculate with."""
    return x.shape[axis]


def equals(x: Array, y: Array) -> Array:
    """1 where x = y and 0 elsewhere, in the dtype of x."""
    return (x == y).astype(x.dtype)


def mean(x: Array, axis: int) -> Array:
    """Mean over a short axis; NumPy's own takes three times as long of few numbers."""
    return sum(x, axis) / x.shape[axis]


def pick(x: Array, label: Array, axis: int) -> Array:
    """The entry that the label names along an axis, which keeps length 1."""
    return np.take_along_axis(x, np.expand_dims(label, axis), axis=axis)


def size(x: Array, axis: int) -> int:
    """The length of an axis."""
    return x.shape[axis]


def sum(x: Array, axis: int, keepdims: bool = False) -> Array:
    """Sum over a short axis, without what `np.sum` does before."""
    reduce: Any = np.add.reduce
    found: Array = reduce(x, axis=axis, keepdims=keepdims)
    return found


def take_at(x: Array, places: Array, axis: int) -> Array:
    """The entries along an axis at places from 0 to below 1, parts of its length."""
    return np.take(x, (places * x.shape[axis]).astype(np.int64), axis=axis)


def tiny(x: Array) -> Array:
    """The smallest normal number of the dtype of x."""
    return np.full_like(x, np.finfo(x.dtype).tiny)


def total(x: Array, axis: int) -> Array:
    """Sum over pixels, in float64."""
    return np.asarray(np.sum(x, axis=axis, dtype=np.float64))


def vector(values: tuple[Any, ...], like: Array) -> Array:
    """A one-dimensional array of floats or bools."""
    return np.asarray(values, dtype=bool if isinstance(values[0], bool) else like.dtype)
