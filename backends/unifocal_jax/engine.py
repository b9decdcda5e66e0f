"""The engine: it takes any kernel from logits to the loss and back, in JAX.

Everything is traced into one program; on a processor that is a loop over blocks of pixels, on an
accelerator one piece that XLA fuses. The closed-form gradient comes in through `jax.custom_vjp`.
Kept for backward: logits, target, weight and the sums.

float64 is switched on inside, whatever the user chose: sums over pixels need it. (A compensated
float32 sum does not serve: XLA may reorder a reduction, which cancels the compensation.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from unifocal.engine.pixels import (
    Arrays,
    Block,
    block_gradient,
    block_sums,
    label_out_of_range,
    read_block,
    roundings_lean,
    some_pixels,
    spread_slopes,
    sums_in_float64,
)
from unifocal_jax import namespace as xp
from unifocal_spec import Kernel, Plan, make_plan, regions
from unifocal_spec.regions import (
    Sums,
    cotangents,
    pool,
    reduce_losses,
    region_losses,
    region_slopes,
    shares,
)

Array = jax.Array

BLOCK = 1 << 18
"""Logits per block on a processor: few enough for its cache, and enough for all of its threads."""

ALIGNED = 64
"""The width of a large block is an odd multiple of so many pixels.

XLA takes twice as long where a block begins elsewhere, and where even multiples put the rows of all
classes in the same few places of a processor's cache.
"""


def evaluate(
    kernel: Kernel,
    logits: Array,
    target: Array,
    *,
    weight: Array | None,
    hyper: Mapping[str, Any],
    **options: Any,
) -> Array:
    """Return the loss of `kernel`; differentiable by `logits`."""
    plan = _plan(kernel, logits, target, weight, hyper, options)
    return _program(kernel, plan).loss(logits, target, weight)


def piece_sums(
    kernel: Kernel,
    logits: Array,
    target: Array,
    *,
    weight: Array | None,
    hyper: Mapping[str, Any],
    **options: Any,
) -> tuple[Plan, Sums]:
    """Return the plan of a piece of the pixels, and its sums."""
    plan = _plan(kernel, logits, target, weight, hyper, options)
    return plan, _program(kernel, plan).sums(logits, target, weight)


def add_sums(a: Sums, b: Sums) -> Sums:
    """Return the sums over the pixels of both."""
    with xp.x64(True):
        return regions.add_sums(a, b)


def loss_of_sums(kernel: Kernel, plan: Plan, sums: Sums, logits: Array) -> Array:
    """Return the loss of all pieces whose sums these are."""
    value: Array = _program(kernel, plan).loss_of_sums(sums, _loss_dtype(logits))
    return value


def piece_gradient(
    kernel: Kernel,
    sums: Sums,
    logits: Array,
    target: Array,
    *,
    weight: Array | None,
    hyper: Mapping[str, Any],
    **options: Any,
) -> Array:
    """Return the gradient of the loss of all pieces by the logits of one."""
    plan = _plan(kernel, logits, target, weight, hyper, options)
    gradient: Array = _program(kernel, plan).gradient(sums, logits, target, weight)
    return gradient


class _Program(NamedTuple):
    """What is compiled for one kind of call: functions of (logits, target, weight)."""

    loss: Callable[..., Any]
    sums: Callable[..., Any]
    loss_of_sums: Callable[..., Any]
    """Takes the sums, and the dtype of the loss."""
    gradient: Callable[..., Any]
    """Takes the sums before the logits."""


@lru_cache(maxsize=512)
def _program(kernel: Kernel, plan: Plan) -> _Program:

    @jax.custom_vjp
    def value_and_sums(z: Array, t: Array, w: Array | None) -> tuple[Array, Sums]:
        with xp.x64(True):
            sums = _sums(kernel, plan, z, t, w)
            value = reduce_losses(xp, plan, _losses(kernel, plan, sums))
            return value.astype(_loss_dtype(z)), sums

    def forward(z: Any, t: Any, w: Any) -> tuple[tuple[Array, Sums], Any]:
        for name, x in (("target", t), ("weight", w)):
            if x is not None and x.perturbed:
                raise ValueError(f"{name} must not be differentiated by: it is a constant")
        z, t, w = (None if x is None else x.value for x in (z, t, w))
        value, sums = value_and_sums(z, t, w)
        return (value, sums), (z, t, w, sums)

    def backward(saved: Any, cotangents: Any) -> tuple[Array, None, None]:
        z, t, w, sums = saved
        cotangent, _ = cotangents  # the sums are there for this function, and for nobody else
        if isinstance(cotangent, jax.custom_derivatives.SymbolicZero):
            cotangent = jnp.zeros(cotangent.shape, cotangent.dtype)
        return _gradient_once(kernel, plan, z, t, w, sums, cotangent), None, None

    value_and_sums.defvjp(forward, backward, symbolic_zeros=True)

    def loss(logits: Array, target: Array, weight: Array | None) -> Array:
        value: Array = value_and_sums(*_canonical(plan, logits, target, weight))[0]
        return value

    def pooled_sums(logits: Array, target: Array, weight: Array | None) -> Sums:
        with xp.x64(True):
            sums = _sums(kernel, plan, *_canonical(plan, logits, target, weight))
            return pool(xp, plan, sums)

    def loss_of_pooled(sums: Sums, dtype: Any) -> Array:
        with xp.x64(True):
            return reduce_losses(xp, plan, _losses(kernel, plan, sums)).astype(dtype)

    def gradient(sums: Sums, logits: Array, target: Array, weight: Array | None) -> Array:
        z, t, w = _canonical(plan, logits, target, weight)
        with xp.x64(True):
            by_z = _gradient(kernel, plan, z, t, w, sums, shares(xp, plan, sums))
        return _from_canonical(plan, by_z, logits)

    return _Program(
        jax.jit(loss),
        jax.jit(pooled_sums),
        jax.jit(loss_of_pooled, static_argnums=1),
        jax.jit(gradient),
    )


def _plan(
    kernel: Kernel,
    logits: Array,
    target: Array,
    weight: Array | None,
    hyper: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Plan:
    for name, array in (("logits", logits), ("target", target), ("weight", weight)):
        if not isinstance(array, jax.Array) and (name != "weight" or array is not None):
            raise TypeError(f"{name} must be a jax.Array, got {type(array).__name__}")
    if not jnp.issubdtype(logits.dtype, jnp.floating):
        raise TypeError(f"logits must have a floating-point dtype, got {logits.dtype}")
    plan = make_plan(
        kernel.hyperparameters,
        logits.shape,
        target.shape,
        None if weight is None else weight.shape,
        target_kind=_kind(target.dtype),
        weight_kind="float" if weight is None else _kind(weight.dtype),
        hyper=hyper,
        **options,
    )
    if plan.index:
        _check_labels(plan, target, weight)
    return plan


def _kind(dtype: Any) -> str:
    if jnp.issubdtype(dtype, jnp.bool_):
        return "bool"
    if jnp.issubdtype(dtype, jnp.integer):
        return "integer"
    return "float" if jnp.issubdtype(dtype, jnp.floating) else str(dtype)


def _check_labels(plan: Plan, target: Array, weight: Array | None) -> None:
    """Raise for a label out of range where its value can be seen; elsewhere the loss is nan."""
    if isinstance(target, jax.core.Tracer) or isinstance(weight, jax.core.Tracer):
        return
    if any(device.platform != "cpu" for device in target.devices()):
        return
    label = np.asarray(target).astype(np.int64)
    wrong = (label < 0) | (label >= plan.classes)
    if plan.ignore_index is not None:
        wrong &= label != plan.ignore_index
    if wrong.any():
        if weight is not None:
            wrong &= np.broadcast_to(np.asarray(weight) != 0, label.shape)
        if wrong.any():
            raise ValueError(label_out_of_range(plan))


def _class_axis(plan: Plan) -> int:
    """The class axis inside: classes stay first or last, as they came."""
    return 1 if plan.axis == 1 else 2


def _canonical(
    plan: Plan, logits: Array, target: Array, weight: Array | None
) -> tuple[Array, Array, Array | None]:
    """Return logits (N, C, M) or (N, M, C), target likewise or (N, M), and weight (N, M)."""
    n, k = logits.shape[0], _class_axis(plan)
    index_shape = logits.shape[: plan.axis] + logits.shape[plan.axis + 1 :]
    m = math.prod(index_shape[1:])
    shape = (n, plan.channels, m) if k == 1 else (n, m, plan.channels)

    def flat(x: Array) -> Array:
        return jnp.moveaxis(x, plan.axis, k if k == 1 else -1).reshape(shape)

    if weight is not None:
        weight = jnp.broadcast_to(weight, index_shape).reshape(n, m)
    return flat(logits), target.reshape(n, m) if plan.index else flat(target), weight


def _from_canonical(plan: Plan, gradient: Array, logits: Array) -> Array:
    index_shape = logits.shape[: plan.axis] + logits.shape[plan.axis + 1 :]
    if _class_axis(plan) == 1:
        return gradient.reshape(logits.shape)
    return jnp.moveaxis(gradient.reshape(*index_shape, plan.channels), -1, plan.axis)


def _loss_dtype(logits: Array) -> Any:
    """The dtype of the loss: half precision is for storage only."""
    return jnp.promote_types(logits.dtype, jnp.float32)


def _pixel_dtype(plan: Plan, logits: Array) -> Any:
    """The dtype of pixel arithmetic."""
    return jnp.dtype("float64") if plan.precision == "exact" else _loss_dtype(logits)


def _sums_dtype(kernel: Kernel, plan: Plan, logits: Array) -> Any:
    """The dtype of the terms that are summed, if nothing is known of the roundings.

    Where arrays may be sharded, no pixels are looked at: their roundings may lean.
    """
    wide = sums_in_float64(kernel, plan, logits.shape) or _processors() > 1
    return jnp.dtype("float64") if wide else _pixel_dtype(plan, logits)


# Blocks -------------------------------------------------------------------------------------------

_INT32 = np.iinfo(np.int32).max

Carry = TypeVar("Carry")


def _fold(
    plan: Plan,
    arrays: Arrays,
    step: Callable[[Carry, Arrays, Any], Carry],
    carry: Carry,
    *,
    overlap: bool = False,
) -> Carry:
    """Apply step(carry, block, first pixel) to one block of pixels after the other.

    Where they do not come out even, the last block may overlap the one before; else a few pixels
    come before all blocks.
    """
    logits = arrays[0]
    pixel_axis = 3 - _class_axis(plan)
    pixels = logits.shape[pixel_axis]
    count = _block_count(logits.shape[0] * plan.channels, pixels)
    if count == 1:
        return step(carry, arrays, np.int32(0))
    width = -(-pixels // count) if overlap else pixels // count
    if width > ALIGNED:
        multiple = -(-width // ALIGNED) | 1 if overlap else (width // ALIGNED - 1) | 1
        width = multiple * ALIGNED
    count = -(-pixels // width) if overlap else pixels // width

    def cut(first: Any, width: int) -> Arrays:
        z, t, w = arrays
        return (
            lax.dynamic_slice_in_dim(z, first, width, pixel_axis),
            lax.dynamic_slice_in_dim(t, first, width, 1 if plan.index else pixel_axis),
            None if w is None else lax.dynamic_slice_in_dim(w, first, width, 1),
        )

    def body(i: Any, carry: Carry) -> Carry:
        first = jnp.minimum(i * width, pixels - width) if overlap else i * width
        return step(carry, cut(first, width), first)

    if few := max(pixels - count * width, 0):
        first = np.int32(pixels - few)
        carry = step(carry, cut(first, few), first)
    # int32: `vmap` visits the loop again when float64 and int64 are switched off.
    return lax.fori_loop(np.int32(0), np.int32(count), body, carry)


def _block_count(logits_per_pixel: int, pixels: int) -> int:
    """Into how many blocks to cut the pixels, so that one stays in a processor's cache.

    One piece elsewhere: accelerators fuse, and of arrays that may be sharded over several devices
    a loop would gather every block. So too where the size is left open.
    """
    known = isinstance(pixels, int) and isinstance(logits_per_pixel, int) and pixels <= _INT32
    if not known or _processors() != 1:
        return 1
    return max(-(-pixels // max(BLOCK // max(logits_per_pixel, 1), 1)), 1)


def _processors() -> int:
    """How many devices there are, if they are processors and no accelerators."""
    return jax.device_count() if jax.default_backend() == "cpu" else 0


def _read(kernel: Kernel, plan: Plan, dtype: Any, block: Arrays) -> Block:
    z, t, w = block
    if _class_axis(plan) == 2:
        z, t = jnp.moveaxis(z, 2, 1), t if plan.index else jnp.moveaxis(t, 2, 1)
    return read_block(xp, kernel, plan, dtype, z.astype(_loss_dtype(z)), t, w)


def _sums(kernel: Kernel, plan: Plan, *arrays: Any) -> Sums:
    sums_in = partial(_sums_in, kernel, plan)
    narrow, wide = _sums_dtype(kernel, plan, arrays[0]), jnp.dtype("float64")
    if narrow == wide or not _processors():
        return sums_in(narrow, *arrays)
    some = some_pixels(xp, plan, arrays, axis=3 - _class_axis(plan))
    lean = roundings_lean(xp, plan, sums_in(narrow, *some), sums_in(wide, *some))
    sums: Sums = lax.cond(lean, partial(sums_in, wide), partial(sums_in, narrow), *arrays)
    return sums


def _sums_in(kernel: Kernel, plan: Plan, dtype: Any, *arrays: Any) -> Sums:
    """The sums of terms that are computed in a dtype."""
    problems = plan.channels if plan.activation == "sigmoid" else 1

    def of_block(block: Arrays) -> Sums:
        sums = block_sums(xp, kernel, plan, _read(kernel, plan, dtype, block))
        shape = (arrays[0].shape[0], problems)
        return Sums(*(None if s is None else s.reshape(*shape, *s.shape[1:]) for s in sums))

    def step(sums: Sums, block: Arrays, _: Any) -> Sums:
        return regions.add_sums(sums, of_block(block))

    shapes = jax.eval_shape(of_block, arrays)
    return _fold(plan, arrays, step, jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes))


def _losses(kernel: Kernel, plan: Plan, sums: Sums) -> Array:
    return region_losses(xp, partial(xp.class_vector, like=sums.weight), kernel, plan, sums)


def _gradient(
    kernel: Kernel,
    plan: Plan,
    z: Array,
    t: Array,
    w: Array | None,
    sums: Sums,
    cotangent: Array,
) -> Array:
    k, dtype = _class_axis(plan), _pixel_dtype(plan, z)
    vector = partial(xp.class_vector, like=sums.weight)
    slopes = region_slopes(xp, vector, kernel, plan, sums, cotangent)
    slopes = spread_slopes(xp, slopes, z.shape[0], dtype)

    def step(gradient: Array, block: Arrays, first: Any) -> Array:
        dz = block_gradient(xp, kernel, plan, _read(kernel, plan, dtype, block), slopes)
        dz = dz.reshape(z.shape[0], plan.channels, -1)
        dz = (dz if k == 1 else jnp.moveaxis(dz, 1, 2)).astype(z.dtype)
        return lax.dynamic_update_slice_in_dim(gradient, dz, first, axis=3 - k)

    # XLA would make an array of its own of a rest that is written for itself.
    return _fold(plan, (z, t, w), step, jnp.zeros(z.shape, z.dtype), overlap=True)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _gradient_once(
    kernel: Kernel,
    plan: Plan,
    z: Array,
    t: Array,
    w: Array | None,
    sums: Sums,
    cotangent: Array,
) -> Array:
    """The gradient, as a function that refuses to be differentiated again."""
    with xp.x64(True):
        by_region = cotangents(xp, plan, sums, cotangent.astype(sums.weight.dtype))
        return _gradient(kernel, plan, z, t, w, sums, by_region)


def _refuse(*_: Any) -> Any:
    raise NotImplementedError(
        "second derivatives are not provided; differentiate unifocal_spec.evaluate with jax.numpy "
        "instead"
    )


_gradient_once.defvjp(lambda *arguments: (_gradient_once(*arguments), None), _refuse)
