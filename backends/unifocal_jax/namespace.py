"""JAX under the array names that the engine uses."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.numpy import (
    any,
    broadcast_to,
    clip,
    exp,
    expand_dims,
    floor,
    int64,
    log,
    log1p,
    maximum,
    mean,
    moveaxis,
    ones_like,
    repeat,
    reshape,
    stack,
    where,
    zeros_like,
)

__all__ = [
    "all_between",
    "any",
    "arange_like",
    "astype",
    "at_least_tiny",
    "broadcast_to",
    "class_vector",
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

Array = jax.Array


def x64(on: bool) -> AbstractContextManager[Any]:
    """Switch float64 and int64 on or off for a while."""
    switch: AbstractContextManager[Any] = jax.enable_x64(on)
    return switch


def all_between(x: Array, low: int, high: int) -> bool:
    """Whether all entries are seen to lie in [low, high]: under `jit` no value is seen."""
    return False


def arange_like(n: int, x: Array) -> Array:
    """0 … n − 1 with the dtype of x."""
    return jnp.arange(n, dtype=x.dtype)


def astype(x: Array, dtype: Any) -> Array:
    """X in another dtype."""
    return x.astype(dtype)


def at_least_tiny(x: Array) -> Array:
    """X, or the smallest normal number where x is below it."""
    return jnp.maximum(x, jnp.finfo(x.dtype).tiny)


def count(x: Array, axis: int, dtype: Any) -> Any:
    """The length of an axis as a number to calculate with."""
    return x.shape[axis]


def equals(x: Array, y: Array) -> Array:
    """1 where x = y and 0 elsewhere, in the dtype of x."""
    return (x == y).astype(x.dtype)


def max(x: Array, axis: int, keepdims: bool = False) -> Array:
    """Maximum over a short axis."""
    return _reduce(x, -jnp.inf, lambda a, b: jnp.where(a > b, a, b), axis, keepdims)


def pick(x: Array, label: Array, axis: int) -> Array:
    """The entry that the label names along an axis, which keeps length 1."""
    # A masked sum over a few classes fuses with what surrounds it; a gather does not.
    shape = (1, -1, 1) if axis == 1 else (1, 1, -1)
    hot = jnp.expand_dims(label, axis) == arange_like(x.shape[axis], label).reshape(shape)
    return sum(jnp.where(hot, x, jnp.zeros_like(x)), axis=axis, keepdims=True)


def size(x: Array, axis: int) -> int:
    """The length of an axis."""
    return x.shape[axis]


def sum(x: Array, axis: int, keepdims: bool = False) -> Array:
    """Sum over a short axis, in the dtype of x."""
    return _reduce(x, 0, lambda a, b: jnp.where(a == a, a + b, b + a), axis, keepdims)


def _reduce(
    x: Array, start: float, step: Callable[[Any, Any], Any], axis: int, keepdims: bool
) -> Array:
    """Reduce an axis by a function that XLA does not recognise.

    Plain sums and maxima it hands to a library of its own on a processor, which for short axes
    makes a whole loss up to ten times slower; any other function it fuses with its surroundings.
    """
    reduced = lax.reduce(x, x.dtype.type(start), step, (axis % x.ndim,))
    return jnp.expand_dims(reduced, axis) if keepdims else reduced


def take(x: Array, index: Array) -> Array:
    """The entries of a vector that an index array names."""
    return jnp.take(x, index, mode="clip")


def take_at(x: Array, places: Any, axis: int) -> Array:
    """The entries along an axis at places from 0 to below 1, parts of its length."""
    index = (jnp.asarray(places) * x.shape[axis]).astype("int64")
    return jnp.take(x, index, axis=axis, mode="clip")


def tiny(x: Array) -> Array:
    """The smallest normal number of the dtype of x, in an array like x."""
    return jnp.full_like(x, jnp.finfo(x.dtype).tiny)


def total(x: Array, axis: int) -> Array:
    """Sum over pixels, in float64: only inside `x64(True)`."""
    return jnp.sum(x, axis=axis, dtype="float64")


def class_vector(values: tuple[Any, ...], like: Array) -> Array:
    """A vector with the axes of sums per class: some users forbid implicit rank promotion."""
    return vector(values, like)[None, None]


def vector(values: tuple[Any, ...], like: Array) -> Array:
    """A one-dimensional array of floats or bools."""
    return jnp.asarray(values, dtype=bool if isinstance(values[0], bool) else like.dtype)
