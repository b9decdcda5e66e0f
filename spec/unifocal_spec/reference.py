"""A definition run from logits to the loss, on any array namespace: what the options mean.

This is the loss as a formula, with nothing clever about memory or speed. On float64 NumPy arrays
it is the reference that every backend is held to, on mpmath numbers it gives any number of digits,
and on a framework's arrays its autodiff checks the closed-form gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from unifocal_spec.contract import OPTIONS
from unifocal_spec.definition import Array, Loss, keywords
from unifocal_spec.kernel import Kernel, Part
from unifocal_spec.options import Plan, make_plan
from unifocal_spec.regions import Sums, arguments, reduce_losses, region_losses

_ALMOST_NOTHING = 1e-300
"""Stands for a probability that underflowed, so that its logarithm stays finite."""


def log_probabilities(xp: Any, logits: Array) -> tuple[Array, Array]:
    """Return log p and log(1 − p) of a softmax over the last axis, without cancellation.

    The largest logit is left out of the sum, not subtracted afterwards, so both keep their
    relative precision at any magnitude of the logits.
    """
    classes = logits.shape[-1]
    top = xp.expand_dims(xp.argmax(logits, axis=-1), axis=-1)
    is_top = xp.arange(classes) == top
    zero = xp.zeros_like(logits)
    distance = logits - xp.sum(xp.where(is_top, logits, zero), axis=-1, keepdims=True)
    others = xp.where(is_top, zero, xp.exp(distance))
    rest = xp.sum(others, axis=-1, keepdims=True)
    log_p = distance - xp.log1p(rest)
    log_q_top = xp.log(xp.maximum(rest, zero + _ALMOST_NOTHING)) - xp.log1p(rest)
    log_q_others = xp.log1p(-xp.exp(xp.where(is_top, zero - 1, log_p)))
    return log_p, xp.where(is_top, log_q_top, log_q_others)


def _given_probabilities(xp: Any, p: Array, t: Array) -> tuple[Array, Array]:
    # Where p is 0 and not the target, t log p is 0: any finite logarithm says so.
    zero = xp.zeros_like(p)
    floor = xp.log(zero + _ALMOST_NOTHING)
    log_p = xp.log(xp.where(xp.logical_or(p > 0, t > 0), p, zero + _ALMOST_NOTHING))
    log_q = xp.where(p < 1, xp.log1p(-xp.where(p < 1, p, zero)), floor)
    return log_p, log_q


def _pixels(xp: Any, plan: Plan, logits: Array, target: Array, weight: Array | None) -> Any:
    """Bring one call to log p, log q and t of shape (N, K, M, C) and w of shape (N, 1, M).

    N samples, K problems per sample (sigmoid channels, else 1), M pixels, C classes.
    """
    n, k = logits.shape[0], plan.channels
    z = xp.moveaxis(logits, plan.axis, -1)
    index_shape = z.shape[:-1]
    m = 1
    for size in index_shape[1:]:
        m = m * size
    z = xp.reshape(z, (n, m, k))
    w = xp.ones((n, m), dtype=logits.dtype)
    if weight is not None:
        w = xp.reshape(xp.broadcast_to(weight, index_shape), (n, m))
        w = xp.astype(w, logits.dtype)

    if plan.index:
        if plan.squeeze:
            target = xp.reshape(target, index_shape)
        label = xp.astype(xp.reshape(target, (n, m)), xp.int64)
        if plan.ignore_index is not None:
            w = xp.where(label == plan.ignore_index, xp.zeros_like(w), w)
        wrong = xp.logical_and(xp.logical_or(label < 0, label >= plan.classes), w > 0)
        w = xp.where(wrong, xp.asarray(float("nan"), dtype=w.dtype), w)
        t = xp.astype(xp.expand_dims(label, axis=-1) == xp.arange(plan.classes), z.dtype)
    else:
        t = xp.astype(xp.reshape(xp.moveaxis(target, plan.axis, -1), (n, m, k)), z.dtype)

    # An ignored pixel takes part in nothing, whatever stands there.
    kept = xp.expand_dims(w != 0, axis=-1)
    z = xp.where(kept, z, xp.zeros_like(z))
    t = xp.where(kept, t, xp.zeros_like(t))

    if plan.activation == "sigmoid":  # channel k is the two-class problem with logits (0, z_k)
        z = xp.expand_dims(xp.moveaxis(z, -1, 1), axis=-1)
        z = xp.concat((xp.zeros_like(z), z), axis=-1)
        if plan.index:
            t = xp.expand_dims(t, axis=1)
        else:
            t = xp.expand_dims(xp.moveaxis(t, -1, 1), axis=-1)
            t = xp.where(
                xp.expand_dims(xp.expand_dims(w != 0, axis=1), axis=-1),
                xp.concat((1 - t, t), axis=-1),
                xp.zeros_like(z),
            )
    else:
        z, t = xp.expand_dims(z, axis=1), xp.expand_dims(t, axis=1)
    if plan.activation == "none":
        log_p, log_q = _given_probabilities(xp, z, t)
    else:
        log_p, log_q = log_probabilities(xp, z)
    return log_p, log_q, t, xp.expand_dims(w, axis=1)


def as_kernel(loss: Loss, xp: Any) -> Kernel:
    """Return a definition in the form that engines take, with no gradient."""

    def part(function: Callable[..., Array] | None) -> Part | None:
        if function is None:
            return None
        return Part(partial(function, xp), _no_gradient, keywords(function))

    return Kernel(
        loss.name,
        loss.hyperparameters,
        part(loss.pixel),
        part(loss.region),
        part(loss.combine),
        label_only=False,
        cancels=False,
    )


def _no_gradient(*_: Any, **__: Any) -> Array:
    raise NotImplementedError("the reference has no closed-form gradient: use autodiff")


def evaluate(
    loss: Loss,
    xp: Any,
    logits: Array,
    target: Array,
    *,
    weight: Array | None = None,
    **keywords_and_hyperparameters: Any,
) -> Array:
    """Evaluate a loss by its definition, with `xp` as array namespace.

    Takes every keyword of `unifocal_spec.options` and the loss's hyperparameters. Arrays must be
    of the namespace; logits float, their dtype is the dtype of the computation.
    """
    options = {k: v for k, v in OPTIONS.items() if k != "weight"}
    hyper = {k: v for k, v in keywords_and_hyperparameters.items() if k not in options}
    options |= {k: v for k, v in keywords_and_hyperparameters.items() if k in options}
    kind = str(target.dtype)
    plan = make_plan(
        loss.hyperparameters,
        tuple(logits.shape),
        tuple(target.shape),
        None if weight is None else tuple(weight.shape),
        target_kind="bool" if "bool" in kind else "integer" if "int" in kind else "float",
        hyper=hyper,
        **options,
    )
    kernel = as_kernel(loss, xp)
    log_p, log_q, t, w = _pixels(xp, plan, logits, target, weight)

    def vector(values: tuple[Any, ...]) -> Array:
        return xp.asarray(values, dtype=xp.bool if isinstance(values[0], bool) else logits.dtype)

    def total(values: Array) -> Array:  # (N, K, M, …) -> (N, K, …)
        return xp.sum(values, axis=2)

    pixel = tp = fp = fn = None
    if kernel.pixel is not None:
        terms = kernel.pixel.value(log_p, log_q, t, **arguments(plan, kernel.pixel, vector))
        pixel = total(w * xp.sum(vector(plan.class_weights) * terms, axis=-1))
    if kernel.region is not None:
        p, q, v = xp.exp(log_p), xp.exp(log_q), xp.expand_dims(w, axis=-1)
        tp, fp, fn = total(v * p * t), total(v * p * (1 - t)), total(v * q * t)
    weights = total(w) + xp.zeros_like(log_p[:, :, 0, 0])
    sums = Sums(weights, pixel, tp, fp, fn)
    return reduce_losses(xp, plan, region_losses(xp, vector, kernel, plan, sums))
