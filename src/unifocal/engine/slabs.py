"""Classes in slabs: a tuple of arrays (n, c, M), which one after the other hold all classes.

One slab holds them all where a class axis costs nothing. Who fuses loops over pixels (Inductor) is
given one slab per class: it then makes one pass of a loss, where with a class axis it keeps volumes
in between, because sums over classes meet loops over pixels there. So is who broadcasts slowly.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

from unifocal_spec.definition import Array

Slabs = tuple[Array, ...]

APART = 16
"""The most classes that get a slab each: more would make long programs."""


def each(function: Callable[..., Array], *slabs: Slabs) -> Slabs:
    """Call a function with each slab, or with those of several at the same place."""
    return tuple(map(function, *slabs))


def apart(x: Array) -> Slabs:
    """Return one slab per class of an array (n, C, M)."""
    return tuple(x[:, c : c + 1] for c in range(x.shape[1]))


def together(xp: Any, slabs: Slabs) -> Array:
    """Return the array (n, C, M) of slabs."""
    return slabs[0] if len(slabs) == 1 else xp.stack(tuple(s[:, 0] for s in slabs), axis=1)


def alike(x: Array, slabs: Slabs) -> Slabs:
    """Return the slabs of an array (…, C, …), as many as are given."""
    return (x,) if len(slabs) == 1 else apart(x)


def total(xp: Any, slabs: Slabs) -> Array:
    """Sum over the classes, (n, 1, M)."""
    if len(slabs) == 1:
        return xp.sum(slabs[0], axis=1, keepdims=True)
    return reduce(operator.add, slabs)


def largest(xp: Any, slabs: Slabs) -> Array:
    """Maximum over the classes, (n, 1, M)."""
    if len(slabs) == 1:
        return xp.max(slabs[0], axis=1, keepdims=True)
    return reduce(xp.maximum, slabs)


def pick(xp: Any, slabs: Slabs, label: Array) -> Array:
    """The entry of the class that the label (n, M) names, (n, 1, M)."""
    if len(slabs) == 1:
        return xp.pick(slabs[0], label, axis=1)
    label = xp.expand_dims(label, axis=1)
    picked = slabs[0]
    for c, slab in enumerate(slabs[1:], 1):
        picked = xp.where(label == c, slab, picked)
    return picked


def take(xp: Any, x: Array, label: Array, slabs: Slabs) -> Array:
    """The entry of a vector for the class that the label names, (n, 1, M)."""
    if len(slabs) == 1:
        return xp.expand_dims(xp.take(x, label), axis=1)
    return pick(xp, apart(xp.reshape(x, (1, -1, 1))), label)
