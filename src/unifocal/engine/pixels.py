"""The pixels of one block: their sums, and the gradient by their logits.

Shapes: logits and values are (n, C, M) for n problems (samples × sigmoid channels), C classes and M
pixels, inside as slabs; labels and weights are (n, M). Pixels come last whatever the user's axis
is: processors take them many at a time, and classes are few.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, reduce
from operator import or_
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unifocal.engine.probabilities import Given, Softmax, overlaps
from unifocal.engine.slabs import Slabs, alike, apart, each, take, together, total
from unifocal_spec.definition import Array
from unifocal_spec.kernel import Kernel, Part
from unifocal_spec.options import Plan
from unifocal_spec.regions import Slopes, Sums

Arrays = tuple[Array, Array, Array | None]
"""Logits, target and weight."""

FEW = 1 << 12
"""The roundings of more pixels of a sample average out, unless they lean to one side."""

CHEAP = 1 << 15
"""To look at some pixels of so many takes as long as float64 for all."""

GROUPS = 16
"""Pixels that are looked at are summed in so many groups, each spread over the whole sample."""

LOOKED_AT = 1 << 10, 1 << 12
"""The fewest and the most pixels that are looked at for a loss; between these one of 16."""

LEANING = 8e-8
"""The part of a sum by which it may be off: a third of what the loss may be off by."""

COHERENT = 2.5
"""(Σ d)² / Σ d² of the groups' errors d beyond which they are no chance.

It is 16 where all are the same, and 1 in the mean where they are independent.
"""

GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, but for whole numbers, spread evenly, however many there are."""


def sums_in_float64(kernel: Kernel, plan: Plan, shape: Sequence[Any]) -> bool:
    """Whether the terms of logits of a shape are summed in float64, whatever the logits are in.

    They are where pixels are known to be few, and where a loss is the difference of two parts, of
    which so little may be left that every digit counts.
    """
    if plan.precision == "exact" or kernel.cancels:
        return True

    def at_most(sizes: Sequence[Any], pixels: int) -> bool:
        known = all(isinstance(size, int) for size in sizes)
        return known and math.prod(sizes) <= pixels * plan.channels

    return at_most(shape[1:], FEW) or at_most(shape, CHEAP)


def some_pixels(xp: Any, plan: Plan, arrays: Arrays, axis: int) -> Arrays:
    """Return a few pixels of every sample, in groups that stand for samples.

    `axis` is the pixel axis of the logits. Pixels are spread over the sample, each group for
    itself, and over the columns of any image.
    """
    z, t, w = arrays
    places = _places(GROUPS * _group_size(plan, z.shape[0], z.shape[axis]))

    def some(x: Array, axis: int) -> Array:
        x = xp.moveaxis(xp.take_at(x, places, axis), axis, 1)
        x = xp.reshape(x, (xp.size(x, 0) * GROUPS, xp.size(x, 1) // GROUPS, *x.shape[2:]))
        return xp.moveaxis(x, 1, axis)

    return some(z, axis), some(t, 1 if plan.index else axis), None if w is None else some(w, 1)


@cache
def _places(count: int) -> NDArray[np.floating[Any]]:
    """So many places from 0 to below 1; there are few such numbers."""
    return np.arange(count) * GOLDEN % 1


def _one_by_one(plan: Plan) -> bool:
    """Whether each sample has a loss of its own for the user."""
    return plan.over == "sample" and plan.reduction == "none"


def _group_size(plan: Plan, samples: Any, pixels: Any) -> int:
    """How many pixels of a sample go into a group; sizes may not be known yet."""
    fewest, most = LOOKED_AT
    if not isinstance(pixels, int) or not isinstance(samples, int):
        return fewest // GROUPS
    together = 1 if _one_by_one(plan) else max(samples, 1)
    count = min(max(together * pixels >> 4, fewest), most)
    return -(-count // (together * GROUPS))


def roundings_lean(xp: Any, plan: Plan, narrow: Sums, wide: Sums) -> Array:
    """Whether roundings do not average out: of `some_pixels`, from their sums in two precisions.

    So it is where many pixels are the same and round alike, as in a blank image, also where they
    are few but make up most of a sum.
    """

    def by_group(x: Array) -> Array:
        x = xp.reshape(x, (-1, GROUPS, math.prod(x.shape[1:])))
        return x if _one_by_one(plan) else xp.sum(x, axis=0, keepdims=True)

    def leans(narrow: Array, wide: Array) -> Array:
        error = by_group(narrow - wide)
        total, squares, size = (xp.sum(x, axis=1) for x in (error, error * error, by_group(wide)))
        coherent = total * total > COHERENT * squares
        return xp.any(xp.reshape(coherent & (abs(total) > LEANING * abs(size)), (-1,)), axis=0)

    pairs = zip(narrow[1:], wide[1:], strict=True)
    return reduce(or_, (leans(*pair) for pair in pairs if pair[0] is not None))


class Block(NamedTuple):
    """The pixels of one block, ignored ones blanked and labels out of range clipped."""

    p: Softmax | Given
    t: Slabs
    """The target; or 1, where `p` has a label and tells of its class alone."""
    w: Array | None
    wrong: Array | None
    """Where a label is out of range and not ignored, (samples, M)."""


def read_block(
    xp: Any,
    kernel: Kernel,
    plan: Plan,
    dtype: Any,
    z: Array,
    target: Array,
    w: Array | None,
    classes_apart: bool = False,
) -> Block:
    """Prepare a block from logits z, target and weight for pixel arithmetic in a dtype.

    The logits may have another dtype: then what needs no arithmetic is done in theirs.
    """
    w = None if w is None else xp.astype(w, dtype)
    wrong = label = None
    t = target
    if plan.index:
        label = xp.astype(target, xp.int64)
        if plan.ignore_index is not None:
            kept = label != plan.ignore_index
            w = xp.astype(kept, dtype) if w is None else xp.where(kept, w, 0.0)
        if not xp.all_between(label, 0, plan.classes - 1):
            given, label = label, xp.clip(label, 0, plan.classes - 1)
            wrong = label != given
            if w is not None:
                wrong = wrong & (w != 0)
    else:
        t = xp.astype(target, dtype)
    if w is not None:
        kept = xp.expand_dims(w != 0, axis=1)
        z = xp.where(kept, z, 0.5 if plan.activation == "none" else 0.0)
        t = t if plan.index else xp.where(kept, t, 0.0)

    if plan.activation == "sigmoid":  # channel k is the two-class problem with logits (0, z_k)
        channels = plan.channels
        z = _channels_as_problems(xp, z)
        z = xp.stack((xp.zeros_like(z), z), axis=1)
        if not plan.index:
            t = _channels_as_problems(xp, t)
            t = xp.stack((1 - t, t), axis=1)
        if w is not None:
            w = xp.repeat(w, channels, axis=0)
    slabs = apart(z) if classes_apart else (z,)
    hit = alike(t, slabs) if label is None else _one_hot(xp, label, dtype, slabs, plan.classes)
    label = label if kernel.label_only else None
    p = (Given if plan.activation == "none" else Softmax)(xp, slabs, hit, label)
    return Block(p, hit if label is None else (xp.ones_like(hit[0][:1, :1, :1]),), w, wrong)


def label_out_of_range(plan: Plan) -> str:
    """Say what a target of class indices must hold."""
    ignored = "" if plan.ignore_index is None else f" or ignore_index={plan.ignore_index}"
    return (
        f"target must hold class indices from 0 to {plan.classes - 1}{ignored}, "
        "got a label out of range"
    )


def _channels_as_problems(xp: Any, x: Array) -> Array:
    """Bring (N, K, M) to (N · K, M)."""
    return xp.reshape(x, (xp.size(x, 0) * xp.size(x, 1), xp.size(x, 2)))


def _one_hot(xp: Any, label: Array, dtype: Any, like: Slabs, classes: int) -> Slabs:
    """1 where the class is the label's, 0 elsewhere."""
    label = xp.expand_dims(xp.astype(label, dtype), axis=1)
    every = xp.reshape(xp.arange_like(classes, label), (1, -1, 1))
    return tuple(xp.equals(label, some) for some in alike(every, like))


def _weighted(xp: Any, x: Array, w: Array | None) -> Array:
    """Multiply by the weight of the pixel."""
    return x if w is None else x * xp.expand_dims(w, axis=1)


def _pixel_terms(
    xp: Any, plan: Plan, part: Part, function: Callable[..., Array], block: Block
) -> Slabs:
    """Call the value or the gradient of the pixel term, and multiply by ω."""
    p, t, _, _ = block

    def per_class(values: Any) -> tuple[Any, ...]:
        """A number for each slab of t, or an array with those of its classes."""
        if not isinstance(values, tuple):
            return (values,) * len(t)
        if isinstance(values[0], float) and len(set(values)) == 1:
            return (values[0],) * len(t)
        vector = xp.vector(values, p.p[0])
        if p.label is not None:
            return (take(xp, vector, p.label, p.p),)
        return alike(xp.reshape(vector, (1, -1, 1)), t)

    names = list(part.hyper)
    values = plan.arguments(names)

    def term(log_p: Array, log_q: Array, t: Array, omega: Any, *hyper: Any) -> Array:
        return omega * function(log_p, log_q, t, **dict(zip(names, hyper, strict=True)))

    hyper = (per_class(values[name]) for name in names)
    return each(term, *p.logarithms(), t, per_class(plan.class_weights), *hyper)


def block_sums(xp: Any, kernel: Kernel, plan: Plan, block: Block) -> Sums:
    """Return W, the pixel sum (n,) and TP, FP, FN (n, C) of a block."""
    p, _, w, wrong = block

    def pixel_sums(slabs: Slabs) -> Array:
        """Σ w x for every class."""
        return together(xp, each(lambda x: xp.total(_weighted(xp, x, w), axis=2), slabs))

    if w is None:
        one = xp.total(xp.ones_like(p.p[0][:, 0, :1]), axis=1)
        weight = one * xp.count(p.p[0], 2, one.dtype)
    else:
        weight = xp.total(w, axis=1)
    if wrong is not None:
        weight = xp.where(xp.any(wrong, axis=1), xp.zeros_like(weight) + float("nan"), weight)
    pixel = tp = fp = fn = None
    if kernel.pixel is not None:
        terms = _pixel_terms(xp, plan, kernel.pixel, kernel.pixel.value, block)
        pixel = pixel_sums((total(xp, terms),))[:, 0]
    if kernel.region is not None:
        tp, fp, fn = map(pixel_sums, overlaps(p))
    return Sums(weight, pixel, tp, fp, fn)


def block_gradient(xp: Any, kernel: Kernel, plan: Plan, block: Block, slopes: Slopes) -> Array:
    """Return ∂L/∂z of a block, from the slopes that `spread_slopes` returns."""
    p, _, w, _ = block
    by_log_p = None
    if kernel.pixel is not None:
        terms = _pixel_terms(xp, plan, kernel.pixel, kernel.pixel.gradient, block)
        by_log_p = each(lambda slope: slopes.pixel * slope, terms)
    dz = p.chain(by_log_p, slopes)
    if plan.activation == "sigmoid":
        dz = (dz[1] if len(dz) > 1 else dz[0][:, 1:],)
    if w is not None:  # the slopes themselves may be nan
        w = xp.expand_dims(w, axis=1)
        dz = each(lambda x: xp.where(w != 0, x * w, 0.0), dz)
    return together(xp, dz)


def spread_slopes(xp: Any, slopes: Slopes, samples: int, dtype: Any) -> Slopes:
    """Give every problem of every sample its slopes, with a pixel axis of length 1."""

    def spread(slope: Array | None) -> Array | None:
        if slope is None:
            return None
        channels, *classes = slope.shape[1:]
        x = xp.broadcast_to(slope, (samples, channels, *classes))
        return xp.astype(xp.reshape(x, (-1, *(classes or (1,)), 1)), dtype)

    return Slopes(*(spread(slope) for slope in slopes))
