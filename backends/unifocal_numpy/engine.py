"""The engine: it takes any kernel from logits to the loss and its gradient, in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unifocal.engine.pixels import (
    block_gradient,
    block_sums,
    label_out_of_range,
    read_block,
    roundings_lean,
    some_pixels,
    spread_slopes,
    sums_in_float64,
)
from unifocal_numpy import namespace as xp
from unifocal_spec import Kernel, Plan, make_plan
from unifocal_spec.regions import (
    Sums,
    add_sums,
    pool,
    reduce_losses,
    region_losses,
    region_slopes,
    shares,
)

__all__ = ["add_sums", "evaluate", "loss_of_sums", "piece_gradient", "piece_sums"]

Array = NDArray[Any]

BLOCK = 1 << 16
"""Logits per block: what stays in a processor's cache."""


def evaluate(
    kernel: Kernel,
    logits: Array,
    target: Array,
    *,
    weight: Array | None,
    hyper: Mapping[str, Any],
    **options: Any,
) -> Array:
    """Return the loss of `kernel`."""
    plan = _plan(kernel, logits, target, weight, hyper, options)
    with np.errstate(all="ignore"):  # what is computed and not chosen may overflow
        sums = _sums(kernel, plan, *_canonical(plan, logits, target, weight))
        return _losses(kernel, plan, sums, logits)


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
    with np.errstate(all="ignore"):
        return plan, pool(xp, plan, _sums(kernel, plan, *_canonical(plan, logits, target, weight)))


def loss_of_sums(kernel: Kernel, plan: Plan, sums: Sums, logits: Array) -> Array:
    """Return the loss of all pieces whose sums these are."""
    with np.errstate(all="ignore"):
        return _losses(kernel, plan, sums, logits)


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
    with np.errstate(all="ignore"):
        gradient = _gradient(kernel, plan, *_canonical(plan, logits, target, weight), sums)
        shape = np.moveaxis(logits, plan.axis, 1).shape
        return np.moveaxis(gradient.reshape(shape), 1, plan.axis)


def _plan(
    kernel: Kernel,
    logits: Array,
    target: Array,
    weight: Array | None,
    hyper: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Plan:
    for name, array in (("logits", logits), ("target", target), ("weight", weight)):
        if not isinstance(array, np.ndarray) and (name != "weight" or array is not None):
            raise TypeError(f"{name} must be a numpy.ndarray, got {type(array).__name__}")
    if logits.dtype.kind in "iubcO":
        raise TypeError(f"logits must have a floating-point dtype, got {logits.dtype}")
    return make_plan(
        kernel.hyperparameters,
        logits.shape,
        target.shape,
        None if weight is None else weight.shape,
        target_kind=_kind(target.dtype),
        weight_kind="float" if weight is None else _kind(weight.dtype),
        hyper=hyper,
        **options,
    )


def _kind(dtype: np.dtype[Any]) -> str:
    # "V" is how NumPy sees the bfloat16 of ml_dtypes.
    kinds = {"i": "integer", "u": "integer", "b": "bool", "f": "float", "V": "float"}
    return kinds.get(dtype.kind, str(dtype))


def _canonical(
    plan: Plan, logits: Array, target: Array, weight: Array | None
) -> tuple[Array, Array, Array | None]:
    """Return logits (N, C, M), target (N, M) or (N, C, M), and weight (N, M)."""
    z = np.moveaxis(logits, plan.axis, 1)
    n, c, *spatial = z.shape
    m = int(np.prod(spatial))
    t = target if plan.index else np.moveaxis(target, plan.axis, 1)
    if weight is not None:
        weight = np.broadcast_to(weight, (n, *spatial)).reshape(n, m)
    return z.reshape(n, c, m), t.reshape((n, m) if plan.index else (n, c, m)), weight


def _losses(kernel: Kernel, plan: Plan, sums: Sums, logits: Array) -> Array:
    vector = partial(xp.vector, like=sums.weight)
    value = reduce_losses(xp, plan, region_losses(xp, vector, kernel, plan, sums))
    return np.asarray(value, dtype=_loss_dtype(logits))[()]


def _loss_dtype(logits: Array) -> np.dtype[Any]:
    """The dtype of the loss: half precision is for storage only."""
    return np.result_type(logits.dtype, np.float32)


def _pixel_dtype(plan: Plan, logits: Array) -> np.dtype[Any]:
    """The dtype of pixel arithmetic."""
    return np.dtype(np.float64) if plan.precision == "exact" else _loss_dtype(logits)


def _sums_dtype(kernel: Kernel, plan: Plan, z: Array, t: Array, w: Array | None) -> np.dtype[Any]:
    """The dtype of the terms that are summed."""
    native, float64 = _pixel_dtype(plan, z), np.dtype(np.float64)
    if native == float64 or sums_in_float64(kernel, plan, z.shape):
        return float64
    some = some_pixels(xp, plan, (z, t, w), axis=2)
    narrow, wide = (_sums_in(dtype, kernel, plan, *some) for dtype in (native, float64))
    return float64 if roundings_lean(xp, plan, narrow, wide) else native


def _blocks(z: Array) -> list[slice]:
    width = max(BLOCK // max(z.shape[0] * z.shape[1], 1), 1)
    return [slice(a, a + width) for a in range(0, z.shape[2], width)] or [slice(None)]


def _read(
    kernel: Kernel,
    plan: Plan,
    dtype: np.dtype[Any],
    z: Array,
    t: Array,
    w: Array | None,
    block: slice,
) -> Any:
    z = z[..., block].astype(_loss_dtype(z), copy=False)
    w = None if w is None else w[..., block]
    read = read_block(xp, kernel, plan, dtype, z, t[..., block], w)
    if read.wrong is not None and read.wrong.any():
        raise ValueError(label_out_of_range(plan))
    return read


def _sums(kernel: Kernel, plan: Plan, z: Array, t: Array, w: Array | None) -> Sums:
    return _sums_in(_sums_dtype(kernel, plan, z, t, w), kernel, plan, z, t, w)


def _sums_in(
    dtype: np.dtype[Any], kernel: Kernel, plan: Plan, z: Array, t: Array, w: Array | None
) -> Sums:
    parts = [
        block_sums(xp, kernel, plan, _read(kernel, plan, dtype, z, t, w, block))
        for block in _blocks(z)
    ]
    problems = z.shape[1] if plan.activation == "sigmoid" else 1

    def joined(*sums: Array | None) -> Array | None:
        if sums[0] is None:
            return None
        total: Array = np.sum([s for s in sums if s is not None], axis=0)
        return total.reshape(z.shape[0], problems, *total.shape[1:])

    return Sums(*map(joined, *parts))


def _gradient(kernel: Kernel, plan: Plan, z: Array, t: Array, w: Array | None, sums: Sums) -> Array:
    vector = partial(xp.vector, like=sums.weight)
    slopes = region_slopes(xp, vector, kernel, plan, sums, shares(xp, plan, sums))
    dtype = _pixel_dtype(plan, z)
    slopes = spread_slopes(xp, slopes, z.shape[0], dtype)
    gradient = np.empty_like(z)
    for block in _blocks(z):
        read = _read(kernel, plan, dtype, z, t, w, block)
        dz = block_gradient(xp, kernel, plan, read, slopes)
        gradient[..., block] = dz.reshape(z[..., block].shape)
    return gradient
