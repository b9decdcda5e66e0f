"""From the sums of a region to its loss, and back to the slope of the loss by each sum.

This is the small end of a loss: a handful of numbers per sample. It is written once over the array
namespace and serves the reference and every engine; the large end, pixels, is the engine's own.

Shapes: N samples, K problems per sample (sigmoid channels, else 1), C classes. With over="batch"
the samples are pooled, and the leading axis of what is returned has length 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from unifocal_spec.definition import Array
from unifocal_spec.kernel import Kernel, Part
from unifocal_spec.options import Plan


class Sums(NamedTuple):
    """What a loss needs to know of the pixels, per sample and problem.

    `pixel` is None for a loss without a pixel term, TP, FP and FN for one without a region term.
    """

    weight: Array
    """W = Σ w, shape (N, K)."""
    pixel: Array
    """Σ_i w Σ_c ω_c pixel_ic, shape (N, K)."""
    tp: Array
    """Σ w p t, shape (N, K, C); likewise fp and fn."""
    fp: Array
    fn: Array


class Slopes(NamedTuple):
    """∂L/∂S for every sum S that depends on the logits, with the shapes of `Sums`."""

    pixel: Array
    tp: Array
    fp: Array
    fn: Array


Vector = Callable[[tuple[Any, ...]], Array]
"""Makes a one-dimensional array of floats or bools, on the right device."""


def arguments(plan: Plan, part: Part, vector: Vector) -> dict[str, Any]:
    """Return the hyperparameters of a part, those with a value per class as arrays."""
    return {
        name: vector(value) if isinstance(value, tuple) else value
        for name, value in plan.arguments(part.hyper).items()
    }


def add_sums(a: Sums, b: Sums) -> Sums:
    """Return the sums over the pixels of both."""
    return Sums(*(None if x is None else x + y for x, y in zip(a, b, strict=True)))


def pool(xp: Any, plan: Plan, sums: Sums) -> Sums:
    """Add up the samples where the batch is one region."""
    if plan.over == "sample":
        return sums
    return Sums(*(None if s is None else xp.sum(s, axis=0, keepdims=True) for s in sums))


def class_coefficients(xp: Any, plan: Plan, present: Array, omega: Array) -> Array:
    """Return a_c such that the class average of R is Σ_c a_c R_c.

    `present` tells, per class, whether the region's target holds it, and is looked at where
    absent="skip"; `omega` are the class weights, 0 for a background that does not count.
    """
    if plan.absent == "skip":
        omega = xp.where(present > 0, omega, 0)
    if plan.class_reduction == "sum":
        return omega
    norm = xp.sum(omega, axis=-1, keepdims=True)
    return omega / xp.where(norm > 0, norm, 1)


class Known(NamedTuple):
    """What is known of a loss before any sum is; None for a part that it lacks."""

    omega: Array
    """The class weights of the region term; their coefficients where these are known too."""
    region: Any
    """The hyperparameters of the region term by name, and those of the combination."""
    combine: Any


def known(xp: Any, vector: Vector, kernel: Kernel, plan: Plan) -> Known:
    """Return what the plan alone tells."""
    omega = region = combine = None
    if kernel.region is not None:
        omega = vector(plan.region_weights)
        if plan.absent == "include":
            omega = class_coefficients(xp, plan, None, omega)
        region = arguments(plan, kernel.region, vector)
    if kernel.combine is not None:
        combine = arguments(plan, kernel.combine, vector)
    return Known(omega, region, combine)


class _Averages(NamedTuple):
    """What a loss and its slopes are both computed from, beside the sums."""

    filled: Array
    """Where a region has a weighted pixel."""
    divisor: Array
    """W, or 1 where it is 0."""
    counts: Array
    """1, or 0 where W is 0, or nan where a label out of range has made it nan, as all must be."""
    pixel: Array
    """The pixel average, 0 for a loss without a pixel term."""
    region: Array
    """The class average, 0 for a loss without a region term, and its coefficients."""
    coefficients: Array


def _averages(xp: Any, kernel: Kernel, plan: Plan, known: Known, sums: Sums) -> _Averages:
    filled = sums.weight != 0
    divisor = xp.where(filled, sums.weight, 1)
    pixel = region = coefficients = None
    if kernel.pixel is not None:
        pixel = sums.pixel / divisor
    if kernel.region is not None:
        coefficients = known.omega
        if plan.absent == "skip":
            coefficients = class_coefficients(xp, plan, sums.tp + sums.fn, known.omega)
        values = kernel.region.value(sums.tp, sums.fp, sums.fn, plan.smooth, **known.region)
        region = xp.sum(coefficients * values, axis=-1)
    return _Averages(
        filled,
        divisor,
        xp.where(filled, 1 + 0 * sums.weight, 0),
        xp.zeros_like(divisor) if pixel is None else pixel,
        xp.zeros_like(divisor) if region is None else region,
        coefficients,
    )


def _losses(xp: Any, kernel: Kernel, known: Known, averages: _Averages) -> Array:
    filled, _, counts, pixel, region, _ = averages
    if kernel.combine is not None:
        value = kernel.combine.value(pixel, region, **known.combine)
    else:
        value = pixel if kernel.region is None else region
    return xp.where(filled, counts * value, 0)


def _slopes(
    kernel: Kernel, plan: Plan, known: Known, sums: Sums, averages: _Averages, cotangent: Array
) -> Slopes:
    """Return the slopes, from cotangents that are 0 for a region without a weighted pixel."""
    _, divisor, _, pixel, region, coefficients = averages
    by_pixel = by_region = cotangent
    if kernel.combine is not None:
        slopes = kernel.combine.gradient(pixel, region, **known.combine)
        by_pixel, by_region = slopes[0] * cotangent, slopes[1] * cotangent
    by_tp = by_fp = by_fn = None
    if kernel.region is not None:
        scale = coefficients * by_region[..., None]
        by_tp, by_fp, by_fn = (
            scale * slope
            for slope in kernel.region.gradient(
                sums.tp, sums.fp, sums.fn, plan.smooth, **known.region
            )
        )
    return Slopes(by_pixel / divisor if kernel.pixel is not None else None, by_tp, by_fp, by_fn)


def region_losses(xp: Any, vector: Vector, kernel: Kernel, plan: Plan, sums: Sums) -> Array:
    """Return the loss of every region and problem; 0 for a region without a weighted pixel."""
    before = known(xp, vector, kernel, plan)
    averages = _averages(xp, kernel, plan, before, pool(xp, plan, sums))
    return _losses(xp, kernel, before, averages)


def region_slopes(
    xp: Any, vector: Vector, kernel: Kernel, plan: Plan, sums: Sums, cotangent: Array
) -> Slopes:
    """Return the slopes of Σ cotangent · loss, pooled regions not yet spread over samples."""
    sums, before = pool(xp, plan, sums), known(xp, vector, kernel, plan)
    averages = _averages(xp, kernel, plan, before, sums)
    cotangent = xp.where(averages.filled, averages.counts * cotangent, 0)
    return _slopes(kernel, plan, before, sums, averages, cotangent)


def loss_and_slopes(
    xp: Any, kernel: Kernel, plan: Plan, known: Known, sums: Sums, differentiable: bool
) -> tuple[Array, Slopes | None]:
    """Return what the user gets, and if it is differentiable its slopes as `region_slopes` does.

    With reduction="none" the slopes by a sample's sums are those of its own loss.
    """
    sums = pool(xp, plan, sums)
    averages = _averages(xp, kernel, plan, known, sums)
    loss = reduce_losses(xp, plan, _losses(xp, kernel, known, averages))
    if not differentiable:
        return loss, None
    cotangent = _shares(xp, plan, averages.counts)
    return loss, _slopes(kernel, plan, known, sums, averages, cotangent)


def reduce_losses(xp: Any, plan: Plan, losses: Array) -> Array:
    """Average over problems, then reduce over regions: (regions, K) to what the user gets."""
    value = losses[:, 0] if losses.shape[1] == 1 else xp.mean(losses, axis=1)
    if plan.over == "batch":
        return value[0]
    if plan.reduction == "none":
        return value
    return xp.mean(value, axis=0) if plan.reduction == "mean" else xp.sum(value, axis=0)


def _shares(xp: Any, plan: Plan, one: Array) -> Array:
    """Return the share of every region and problem in what the user gets of it, from ones."""
    if one.shape[1] > 1:
        one = one / one.shape[1]
    if plan.over == "sample" and plan.reduction == "mean":
        one = one / xp.sum(xp.zeros_like(one[:, :1]) + 1, axis=0, keepdims=True)
    return one


def cotangents(xp: Any, plan: Plan, sums: Sums, cotangent: Any) -> Array:
    """Return the cotangent of every region and problem, from that of what the user gets."""
    share = _shares(xp, plan, xp.zeros_like(pool(xp, plan, sums).weight) + 1)
    if plan.over == "sample" and plan.reduction == "none":
        cotangent = cotangent[:, None]
    return share * cotangent


def shares(xp: Any, plan: Plan, sums: Sums) -> Array:
    """Return ∂(reduced loss)/∂(loss of each region and problem): the cotangents of a scalar."""
    if plan.over == "sample" and plan.reduction == "none":
        raise ValueError('reduction must be "mean" or "sum" for a gradient, got "none"')
    return cotangents(xp, plan, sums, 1)
