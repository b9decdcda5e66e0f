"""TensorFlow under the array names that the engine and the contract of definitions use.

TensorFlow is no Array API namespace and array-api-compat has no wrapper for it; this module gives
it the names of `unifocal_spec.contract` and those of the engine, and claims no more.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import tensorflow as tf
from tensorflow import (
    bool,
    broadcast_to,
    concat,
    expand_dims,
    float64,
    int64,
    ones,
    ones_like,
    reshape,
    stack,
    where,
    zeros_like,
)
from tensorflow.math import (
    abs,
    cos,
    cosh,
    exp,
    expm1,
    floor,
    log,
    log1p,
    logical_and,
    logical_or,
    maximum,
    minimum,
    pow,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tanh,
)

__all__ = [
    "abs",
    "all_between",
    "any",
    "arange",
    "arange_like",
    "argmax",
    "asarray",
    "astype",
    "at_least_tiny",
    "bool",
    "broadcast_to",
    "clip",
    "concat",
    "cos",
    "cosh",
    "count",
    "equals",
    "exp",
    "expand_dims",
    "expm1",
    "float64",
    "floor",
    "int64",
    "log",
    "log1p",
    "logical_and",
    "logical_or",
    "max",
    "maximum",
    "mean",
    "minimum",
    "moveaxis",
    "ones",
    "ones_like",
    "pick",
    "pow",
    "repeat",
    "reshape",
    "sign",
    "sin",
    "sinh",
    "size",
    "sqrt",
    "square",
    "stack",
    "sum",
    "take",
    "take_at",
    "tanh",
    "tiny",
    "total",
    "vector",
    "where",
    "zeros_like",
]

Tensor: TypeAlias = tf.Tensor


def all_between(x: Tensor, low: int, high: int) -> bool:
    """Whether all entries are seen to lie in [low, high]: in a graph no value is seen."""
    return False


def any(x: Tensor, axis: int) -> Tensor:
    """Whether anything along an axis is true."""
    return tf.reduce_any(x, axis=axis)


def arange(n: int) -> Tensor:
    """0 … n − 1."""
    return tf.range(n, dtype=tf.int64)


def arange_like(n: int, x: Tensor) -> Tensor:
    """0 … n − 1 with the dtype of x."""
    return tf.range(n, dtype=x.dtype)


def argmax(x: Tensor, axis: int) -> Tensor:
    """The index of the first maximum along an axis."""
    return tf.argmax(x, axis=axis)


def asarray(values: Any, dtype: Any) -> Tensor:
    """An array of these values."""
    return tf.constant(values, dtype=dtype)


def astype(x: Tensor, dtype: Any) -> Tensor:
    """X in another dtype."""
    return tf.cast(x, dtype)


def at_least_tiny(x: Tensor) -> Tensor:
    """X, or the smallest normal number where x is below it."""
    return tf.maximum(x, tf.constant(_TINY[x.dtype], x.dtype))


def clip(x: Tensor, low: int, high: int) -> Tensor:
    """X, with what lies outside of low … high moved to the nearer end."""
    return tf.clip_by_value(x, low, high)


def count(x: Tensor, axis: int, dtype: Any) -> Any:
    """The length of an axis as a number to calculate with."""
    return tf.cast(size(x, axis), dtype)


def equals(x: Tensor, y: Tensor) -> Tensor:
    """1 where x = y and 0 elsewhere, in the dtype of x."""
    return tf.cast(x == y, x.dtype)


def max(x: Tensor, axis: int, keepdims: Any) -> Tensor:
    """Maximum over an axis."""
    return tf.reduce_max(x, axis=axis, keepdims=keepdims)


def mean(x: Tensor, axis: int | None = None) -> Tensor:
    """Mean over an axis."""
    return tf.reduce_mean(x, axis=axis)


def moveaxis(x: Tensor, source: int, destination: int) -> Tensor:
    """X with one axis moved."""
    order = list(range(len(x.shape)))
    order.insert(destination % len(order), order.pop(source % len(order)))
    return x if order == sorted(order) else tf.transpose(x, order)


def pick(x: Tensor, label: Tensor, axis: int) -> Tensor:
    """The entry that the label names along an axis, which keeps length 1."""
    # A masked sum over a few classes fuses with what surrounds it; a gather does not.
    shape = (-1, 1) if axis == 1 else (-1,)
    hot = expand_dims(label, axis) == reshape(arange_like(x.shape[axis], label), shape)
    return sum(where(hot, x, zeros_like(x)), axis=axis, keepdims=True)


def repeat(x: Tensor, times: int, axis: int) -> Tensor:
    """Every entry along an axis several times."""
    return tf.repeat(x, times, axis=axis)


def size(x: Tensor, axis: int) -> Any:
    """The length of an axis, as a tensor where it is not known yet."""
    known = x.shape[axis]
    return tf.shape(x)[axis] if known is None else known


def sum(x: Tensor, axis: int | None = None, keepdims: Any = False) -> Tensor:
    """Sum over a short axis, in the dtype of x."""
    return tf.reduce_sum(x, axis=axis, keepdims=keepdims)


def take(x: Tensor, index: Tensor) -> Tensor:
    """The entries of a vector that an index array names."""
    return tf.gather(x, index)


def take_at(x: Tensor, places: Any, axis: int) -> Tensor:
    """The entries along an axis at places from 0 to below 1, parts of its length; none of none."""
    length = size(x, axis)
    index = tf.cast(places * tf.cast(length, tf.float64), tf.int64)
    return tf.gather(x, index[: tf.minimum(length, 1) * len(places)], axis=axis)


def tiny(x: Tensor) -> Tensor:
    """The smallest normal number of the dtype of x."""
    return tf.fill(tf.shape(x), tf.constant(x.dtype.as_numpy_dtype(_TINY[x.dtype]), x.dtype))


_TINY = {tf.float32: 1.1754943508222875e-38, tf.float64: 2.2250738585072014e-308}


def total(x: Tensor, axis: int) -> Tensor:
    """Sum over pixels, in float64: TensorFlow's own float32 sum is wrong in the third digit."""
    return tf.reduce_sum(tf.cast(x, tf.float64), axis=axis)


def vector(values: tuple[Any, ...], like: Tensor) -> Tensor:
    """A one-dimensional array of floats or bools."""
    kind = tf.bool if values[0] is True or values[0] is False else like.dtype
    return tf.constant(values, dtype=kind)
