"""The engine: it takes any kernel from logits to the loss and back, in TensorFlow.

Sizes other than the number of classes may be unknown until run time. The closed-form gradient
comes in through `tf.custom_gradient`. Kept for backward: logits, target, weight and the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import tensorflow as tf

from unifocal.engine.pixels import (
    Arrays,
    block_gradient,
    block_sums,
    label_out_of_range,
    read_block,
    roundings_lean,
    some_pixels,
    spread_slopes,
    sums_in_float64,
)
from unifocal.engine.slabs import APART
from unifocal_spec import Kernel, Plan, make_plan
from unifocal_spec.regions import (
    Slopes,
    Sums,
    add_sums,
    pool,
    reduce_losses,
    region_losses,
    region_slopes,
    shares,
)
from unifocal_tensorflow import namespace as xp
from unifocal_tensorflow.xla import expected_size, fused, in_xla, on_processor

__all__ = ["add_sums", "evaluate", "loss_of_sums", "piece_gradient", "piece_sums"]

Tensor: TypeAlias = tf.Tensor

BLOCK = 1 << 19
"""Logits per block on a processor: what stays in its cache."""

SHARE = 8
"""A block is no larger than this part of all logits: what it takes is several times as large."""

SMALL = 1 << 20
"""Logits that are not cut: what they take is little, and a block costs hundreds of calls."""

SMALL_FOR_XLA = 1 << 19
"""The same for XLA, which fuses operations, so that a block costs few calls."""

FEW = 16
"""So many classes have rows that lie in a cache side by side, however long they are."""

ROW = 1 << 12
"""Logits of a row for XLA, of more classes."""

as_written = tf.autograph.experimental.do_not_convert
"""No statement here depends on a tensor's value, and to look for one takes a third of a trace."""


@as_written
def evaluate(
    kernel: Kernel,
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None,
    hyper: Mapping[str, Any],
    **options: Any,
) -> Tensor:
    """Return the loss of `kernel`; differentiable by `logits`."""
    plan = _plan(kernel, logits, target, weight, hyper, options)
    z, t, w = _canonical(plan, logits, target, weight)

    @tf.custom_gradient
    def losses(z: Tensor) -> Any:
        # What is not differentiated is not recorded, nor kept, by a tape.
        arrays = (None if x is None else tf.stop_gradient(x) for x in (z, t, w))
        sums = _sums(kernel, plan, *arrays)

        def gradient(cotangent: Tensor) -> Tensor:
            return _gradient_once(kernel, plan, z, t, w, sums, cotangent)

        return _losses(kernel, plan, sums), gradient

    return tf.cast(reduce_losses(xp, plan, losses(z)), _loss_dtype(logits))


@as_written
def piece_sums(
    kernel: Kernel,
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None,
    hyper: Mapping[str, Any],
    **options: Any,
) -> tuple[Plan, Sums]:
    """Return the plan of a piece of the pixels, and its sums."""
    plan = _plan(kernel, logits, target, weight, hyper, options)
    sums = _sums(kernel, plan, *_canonical(plan, logits, target, weight))
    return plan, pool(xp, plan, sums)


@as_written
def loss_of_sums(kernel: Kernel, plan: Plan, sums: Sums, logits: Tensor) -> Tensor:
    """Return the loss of all pieces whose sums these are."""
    return tf.cast(reduce_losses(xp, plan, _losses(kernel, plan, sums)), _loss_dtype(logits))


@as_written
def piece_gradient(
    kernel: Kernel,
    sums: Sums,
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None,
    hyper: Mapping[str, Any],
    **options: Any,
) -> Tensor:
    """Return the gradient of the loss of all pieces by the logits of one."""
    plan = _plan(kernel, logits, target, weight, hyper, options)
    z, t, w = _canonical(plan, logits, target, weight)
    gradient = _gradient(kernel, plan, z, t, w, sums, shares(xp, plan, sums))
    moved = xp.moveaxis(logits, plan.axis, _class_axis(plan) if plan.axis == 1 else -1)
    gradient = tf.reshape(gradient, tf.shape(moved))
    return gradient if plan.axis == 1 else xp.moveaxis(gradient, -1, plan.axis)


def _plan(
    kernel: Kernel,
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None,
    hyper: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Plan:
    for name, array in (("logits", logits), ("target", target), ("weight", weight)):
        if not tf.is_tensor(array) and (name != "weight" or array is not None):
            raise TypeError(f"{name} must be a tf.Tensor, got {type(array).__name__}")
        if array is not None and array.shape.rank is None:
            raise ValueError(f"{name} must have a known number of dimensions")
    if not logits.dtype.is_floating:
        raise TypeError(f"logits must have a floating-point dtype, got {logits.dtype.name}")
    return make_plan(
        kernel.hyperparameters,
        tuple(logits.shape),
        tuple(target.shape),
        None if weight is None else tuple(weight.shape),
        target_kind=_kind(target.dtype),
        weight_kind="float" if weight is None else _kind(weight.dtype),
        hyper=hyper,
        **options,
    )


def _kind(dtype: Any) -> str:
    if dtype.is_bool:
        return "bool"
    if dtype.is_integer:
        return "integer"
    return "float" if dtype.is_floating else str(dtype.name)


def _class_axis(plan: Plan) -> int:
    """The class axis inside: classes stay first or last, as they came."""
    return 1 if plan.axis == 1 else 2


def _canonical(
    plan: Plan, logits: Tensor, target: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return logits (N, C, M) or (N, M, C), target likewise or (N, M), and weight (N, M)."""
    z = xp.moveaxis(logits, plan.axis, 1 if plan.axis == 1 else -1)
    shape = tf.shape(z)
    n, c = shape[0], plan.channels
    known = z.shape[2:] if plan.axis == 1 else z.shape[1:-1]
    spatial = shape[2:] if plan.axis == 1 else shape[1:-1]
    m = known.num_elements() if known.is_fully_defined() else tf.reduce_prod(spatial)
    flat = (n, c, m) if plan.axis == 1 else (n, m, c)
    if plan.index:
        t = tf.reshape(target, (n, m))
    else:
        t = tf.reshape(xp.moveaxis(target, plan.axis, 1 if plan.axis == 1 else -1), flat)
    if weight is not None:
        weight = tf.reshape(tf.broadcast_to(weight, tf.concat(([n], spatial), 0)), (n, m))
    return tf.reshape(z, flat), t, weight


def _loss_dtype(logits: Tensor) -> Any:
    """The dtype of the loss: half precision is for storage only."""
    return tf.float64 if logits.dtype == tf.float64 else tf.float32


def _pixel_dtype(plan: Plan, logits: Tensor) -> Any:
    """The dtype of pixel arithmetic."""
    return tf.float64 if plan.precision == "exact" else _loss_dtype(logits)


def _sums_dtype(kernel: Kernel, plan: Plan, logits: Tensor) -> Any:
    """The dtype of the terms that are summed."""
    return tf.float64 if sums_in_float64(kernel, plan, logits.shape) else _pixel_dtype(plan, logits)


# Blocks -------------------------------------------------------------------------------------------


def _cut(plan: Plan, z: Tensor) -> tuple[int, int] | None:
    """Return the rows of a block, and their pixels; a row is a part of a sample, or all of it.

    None stands for one piece. Accelerators get it: they fuse. So does everybody where the number of
    pixels is not known yet, and where a block of all classes would have to be copied.
    """
    logits = expected_size(z)
    if logits is None or _class_axis(plan) == 1 or not on_processor():
        return None
    if logits <= (SMALL_FOR_XLA if in_xla() else SMALL):
        return None
    samples, pixels, _ = z.shape
    width = max(min(BLOCK, logits // SHARE) // plan.channels, 1)
    row = _divisor(pixels, _row(plan, width))
    return _divisor(pixels // row * (samples or 1), max(width // row, 1)), row


def _row(plan: Plan, width: int) -> int:
    """How many of a block's pixels to take for a row.

    XLA divides the work among threads by rows. It moves the class axis, and that is slow where
    pixels of many classes are far apart.
    """
    if not in_xla():
        return width
    return max(width // 4 if plan.channels < FEW else ROW // plan.channels, 1)


def _divisor(number: int, most: int) -> int:
    """Return the largest divisor up to `most`, or the number itself if that is far below."""
    counts = range(-(-number // most), 4 * number // most + 1)
    return next((number // count for count in counts if number % count == 0), number)


def _blocks(cut: tuple[int, int], arrays: Arrays) -> tuple[Tensor, Callable[[Tensor], Arrays]]:
    """Return the number of blocks, and the function from a block's index to it."""
    rows, pixels = cut
    count = xp.size(arrays[0], 0) * arrays[0].shape[1] // (rows * pixels)
    # With an axis for the rows, XLA would copy all logits into another order.
    z, t, w = (
        None if x is None else tf.reshape(x, (count, rows * pixels, *x.shape[2:])) for x in arrays
    )

    def block(i: Tensor) -> Arrays:
        def of(x: Tensor) -> Tensor:
            return tf.reshape(x[i], (rows, pixels, *x.shape[2:]))

        return of(z), of(t), None if w is None else of(w)

    return count, block


def _stacked(
    cut: tuple[int, int], arrays: Arrays, function: Callable[[Arrays, Tensor], Any], dtypes: Any
) -> Any:
    """Call function(block, index) for one block after the other, and stack what it returns."""
    count, block = _blocks(cut, arrays)
    return tf.map_fn(
        lambda i: function(block(i), i),
        tf.range(count),
        parallel_iterations=1,
        fn_output_signature=dtypes,
    )


def _like_logits(
    cut: tuple[int, int], arrays: Arrays, function: Callable[[Arrays, Tensor], Tensor]
) -> Tensor:
    """The same for blocks that together are an array like the logits, which are never there twice.

    XLA, which has no operation that writes in place, stacks in place itself.
    """
    z = arrays[0]
    if in_xla():
        return tf.reshape(_stacked(cut, arrays, function, z.dtype), tf.shape(z))
    count, block = _blocks(cut, arrays)
    shape = count, cut[0] * cut[1], z.shape[2]

    def write(i: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
        row = tf.reshape(function(block(i), i), (1, *shape[1:]))
        return i + 1, tf.raw_ops.InplaceUpdate(x=whole, i=[i], v=row)

    nothing = tf.raw_ops.Empty(shape=shape, dtype=z.dtype)
    filled = tf.while_loop(lambda i, _: i < count, write, (0, nothing), parallel_iterations=1)[1]
    return tf.reshape(filled, tf.shape(z))


def _read(kernel: Kernel, plan: Plan, dtype: Any, z: Tensor, t: Tensor, w: Tensor | None) -> Any:
    z = tf.cast(z, _loss_dtype(z))
    if _class_axis(plan) == 2:
        z, t = xp.moveaxis(z, 2, 1), t if plan.index else xp.moveaxis(t, 2, 1)
    # TensorFlow's own operations are slow where a class axis has to be broadcast along.
    apart = plan.classes <= APART and on_processor() and not in_xla()
    block = read_block(xp, kernel, plan, dtype, z, t, w, classes_apart=apart)
    # A label out of range is an error where its value can be seen; elsewhere the loss is nan.
    seen = tf.executing_eagerly() and block.wrong is not None and "CPU" in block.wrong.device
    if seen and bool(tf.reduce_any(block.wrong)):
        raise ValueError(label_out_of_range(plan))
    return block


@fused
def _sums(kernel: Kernel, plan: Plan, z: Tensor, t: Tensor, w: Tensor | None) -> Sums:
    sums_in = partial(_sums_in, kernel, plan)
    narrow, wide = _sums_dtype(kernel, plan, z), tf.float64
    if narrow == wide or not on_processor():
        return sums_in(narrow, z, t, w)
    some = some_pixels(xp, plan, (z, t, w), axis=3 - _class_axis(plan))
    lean = roundings_lean(xp, plan, sums_in(narrow, *some), sums_in(wide, *some))
    sums: Sums = tf.cond(lean, lambda: sums_in(wide, z, t, w), lambda: sums_in(narrow, z, t, w))
    return sums


def _sums_in(
    kernel: Kernel, plan: Plan, dtype: Any, z: Tensor, t: Tensor, w: Tensor | None
) -> Sums:
    """The sums of terms that are computed in a dtype."""
    problems = plan.channels if plan.activation == "sigmoid" else 1

    def of_block(block: Arrays, _: Any = None) -> list[Tensor]:
        sums = block_sums(xp, kernel, plan, _read(kernel, plan, dtype, *block))
        return [tf.reshape(s, (-1, problems, *s.shape[1:])) for s in sums if s is not None]

    cut = _cut(plan, z)
    if cut is None:
        parts = of_block((z, t, w))
    else:
        names = 1 + (kernel.pixel is not None) + 3 * (kernel.region is not None)
        stacked = _stacked(cut, (z, t, w), of_block, [tf.float64] * names)
        parts = [
            tf.reduce_sum(tf.reshape(s, (xp.size(z, 0), -1, *s.shape[2:])), 1) for s in stacked
        ]
    weight, *rest = parts
    pixel = rest.pop(0) if kernel.pixel is not None else None
    return Sums(weight, pixel, *(rest or (None,) * 3))


def _losses(kernel: Kernel, plan: Plan, sums: Sums) -> Tensor:
    return region_losses(xp, partial(xp.vector, like=sums.weight), kernel, plan, sums)


@fused
def _gradient(
    kernel: Kernel,
    plan: Plan,
    z: Tensor,
    t: Tensor,
    w: Tensor | None,
    sums: Sums,
    cotangent: Tensor,
) -> Tensor:
    dtype = _pixel_dtype(plan, z)
    k, problems = _class_axis(plan), plan.channels if plan.activation == "sigmoid" else 1
    vector = partial(xp.vector, like=sums.weight)
    slopes = region_slopes(xp, vector, kernel, plan, sums, cotangent)
    slopes = spread_slopes(xp, slopes, tf.shape(z)[0], dtype)

    def of_block(block: Arrays, slopes: Slopes) -> Tensor:
        dz = block_gradient(xp, kernel, plan, _read(kernel, plan, dtype, *block), slopes)
        dz = tf.reshape(dz, (tf.shape(block[0])[0], plan.channels, -1))
        return tf.cast(dz if k == 1 else xp.moveaxis(dz, 1, 2), z.dtype)

    cut = _cut(plan, z)
    if cut is None:
        return of_block((z, t, w), slopes)
    rows, per_sample = cut[0], z.shape[1] // cut[1]

    def of_rows(block: Arrays, i: Tensor) -> Tensor:
        sample = (i * rows + tf.range(rows)) // per_sample

        def here(s: Tensor) -> Tensor:
            by_sample = tf.reshape(s, (-1, problems, *s.shape[1:]))
            return tf.reshape(tf.gather(by_sample, sample), (rows * problems, *s.shape[1:]))

        return of_block(block, Slopes(*(None if s is None else here(s) for s in slopes)))

    return _like_logits(cut, (z, t, w), of_rows)


def _gradient_once(
    kernel: Kernel,
    plan: Plan,
    z: Tensor,
    t: Tensor,
    w: Tensor | None,
    sums: Sums,
    cotangent: Tensor,
) -> Tensor:
    """The gradient, as a function that refuses to be differentiated again."""

    @tf.custom_gradient
    def once(z: Tensor, cotangent: Tensor) -> Any:
        def refuse(*_: Any) -> Any:
            raise NotImplementedError(
                "second derivatives are not provided; differentiate unifocal_spec.evaluate with "
                "unifocal_tensorflow.namespace instead"
            )

        return _gradient(kernel, plan, z, t, w, sums, cotangent), refuse

    return once(z, cotangent)
