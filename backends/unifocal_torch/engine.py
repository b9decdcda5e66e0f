"""The engine: it takes any kernel from logits to the loss and back, in PyTorch.

Forward sums the terms of all pixels, block by block; backward visits the same blocks again with the
slope of the loss by each sum. Nothing is kept in between but logits, target, weight and the sums.

Shapes inside: N samples, K problems per sample (sigmoid channels, else 1), C classes, M pixels; in
a block the N · K problems lie along one axis of length n, and M is the block's width.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from functools import partial, reduce
from typing import Any

import torch

from unifocal.engine.pixels import (
    Block,
    block_gradient,
    block_sums,
    label_out_of_range,
    read_block,
    spread_slopes,
)
from unifocal.engine.slabs import APART
from unifocal_spec import Kernel, Plan, make_plan
from unifocal_spec.regions import (
    Sums,
    add_sums,
    cotangents,
    pool,
    reduce_losses,
    region_losses,
    region_slopes,
    shares,
)
from unifocal_torch import namespace as xp
from unifocal_torch import numba_engine
from unifocal_torch.triton_engine import covers, fused_gradient, fused_sums, triton_available

__all__ = ["add_sums", "evaluate", "loss_of_sums", "piece_gradient", "piece_sums"]

Tensor = torch.Tensor

BLOCK = 1 << 17
"""Logits per block on a CPU: what stays in its cache. Elsewhere launches cost more than memory."""


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
    value: Tensor = _Loss.apply(*_canonical(plan, logits, target, weight), kernel, plan)[0]
    return value


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
    with torch.no_grad():
        return plan, pool(xp, plan, _sums(kernel, plan, *_canonical(plan, logits, target, weight)))


def loss_of_sums(kernel: Kernel, plan: Plan, sums: Sums, logits: Tensor) -> Tensor:
    """Return the loss of all pieces whose sums these are."""
    losses = region_losses(xp, partial(xp.vector, like=sums.weight), kernel, plan, sums)
    return reduce_losses(xp, plan, losses).to(_loss_dtype(logits))


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
    with torch.no_grad():
        z, t, w = _canonical(plan, logits, target, weight)
        gradient = _gradient(kernel, plan, z, t, w, sums, shares(xp, plan, sums))
        shape = torch.movedim(logits, plan.axis, 1).shape
        return torch.movedim(gradient.reshape(shape), 1, plan.axis)


# One call: what it asks for, and its arrays as (N, C, M), (N, M) ----------------------------------


def _plan(
    kernel: Kernel,
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None,
    hyper: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Plan:
    for name, tensor in (("logits", logits), ("target", target), ("weight", weight)):
        if not isinstance(tensor, torch.Tensor) and (name != "weight" or tensor is not None):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(tensor).__name__}")
        if tensor is not None and tensor is not logits and tensor.requires_grad:
            raise ValueError(f"{name} must not require a gradient: it is a constant; detach it")
    if not logits.is_floating_point():
        raise TypeError(f"logits must have a floating-point dtype, got {logits.dtype}")
    if options["precision"] == "exact" and logits.device.type == "mps":
        raise ValueError('precision="exact" needs float64, which the device of logits, mps, lacks')
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


def _kind(dtype: torch.dtype) -> str:
    if dtype is torch.bool:
        return "bool"
    if dtype.is_complex:
        return str(dtype)
    return "float" if dtype.is_floating_point else "integer"


def _canonical(
    plan: Plan, logits: Tensor, target: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    z = torch.movedim(logits, plan.axis, 1)
    n, c, index_shape = z.shape[0], z.shape[1], (z.shape[0], *z.shape[2:])
    m = math.prod(index_shape[1:])
    t = target if plan.index else torch.movedim(target, plan.axis, 1)
    if weight is not None:
        weight = torch.broadcast_to(weight, index_shape).reshape(n, m)
    return z.reshape(n, c, m), t.reshape((n, m) if plan.index else (n, c, m)), weight


def _loss_dtype(logits: Tensor) -> torch.dtype:
    """The dtype of the loss: half precision is for storage only."""
    return torch.promote_types(logits.dtype, torch.float32)


def _pixel_dtype(plan: Plan, logits: Tensor) -> torch.dtype:
    """The dtype of pixel arithmetic."""
    return torch.float64 if plan.precision == "exact" else _loss_dtype(logits)


# Autograd -----------------------------------------------------------------------------------------


class _Loss(torch.autograd.Function):
    """The loss, with the closed-form gradient; the sums are returned to be saved."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        z: Tensor, t: Tensor, w: Tensor | None, kernel: Kernel, plan: Plan
    ) -> tuple[Tensor | None, ...]:
        sums = _sums(kernel, plan, z, t, w)
        if _jitted(kernel, plan, z, t, w):
            return numba_engine.loss_of_sums(kernel, plan, sums).to(_loss_dtype(z)), *sums
        return loss_of_sums(kernel, plan, sums, z), *sums

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor | None, ...]) -> None:
        z, t, w, ctx.kernel, ctx.plan = inputs
        sums = output[1:]
        ctx.mark_non_differentiable(*(s for s in sums if s is not None))
        ctx.save_for_backward(z, t, w, *sums)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        z, t, w, *sums = ctx.saved_tensors
        if torch.compiler.is_compiling():
            z, t = _anew(z, cotangent), _anew(t, cotangent)
        cotangent = cotangents(xp, ctx.plan, Sums(*sums), cotangent.to(sums[0].dtype))
        if torch.is_grad_enabled():  # somebody may want to differentiate again
            gradient = _Gradient.apply(z, t, w, cotangent, *sums, ctx.kernel, ctx.plan)
        else:
            gradient = _gradient(ctx.kernel, ctx.plan, z, t, w, Sums(*sums), cotangent)
        return gradient, *(None,) * 4


def _anew(x: Tensor, cotangent: Tensor) -> Tensor:
    """Return x by way of the cotangent, so that a compiler computes from it once more.

    It would else keep masks and exponentials of the forward pass, and write and read more than the
    backward pass saves.
    """
    never = ((cotangent == 0) & (cotangent == 1)).any()
    return x ^ never if x.dtype is torch.bool else x + never.to(x.dtype)


# PyTorch looks at the signature in every call, which is slow unless it is written down.
_Loss.forward.__signature__ = inspect.signature(_Loss.forward)  # type: ignore[attr-defined]


class _Gradient(torch.autograd.Function):
    """The gradient, as a function that refuses to be differentiated again."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        z: Tensor,
        t: Tensor,
        w: Tensor | None,
        cotangent: Tensor,
        weight: Tensor,
        pixel: Tensor | None,
        tp: Tensor | None,
        fp: Tensor | None,
        fn: Tensor | None,
        kernel: Kernel,
        plan: Plan,
    ) -> Tensor:
        return _gradient(kernel, plan, z, t, w, Sums(weight, pixel, tp, fp, fn), cotangent)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise NotImplementedError(
            "second derivatives are not provided; differentiate unifocal_spec.evaluate with "
            "array_api_compat.torch instead"
        )


# Blocks -------------------------------------------------------------------------------------------


def _blocks(z: Tensor) -> list[slice]:
    """Cut the pixels so that a block stays in cache; a compiler or a GPU gets them in one piece."""
    pixels = z.shape[2]
    if torch.compiler.is_compiling() or z.device.type != "cpu":
        return [slice(None)]
    width = max(BLOCK // max(z.shape[0] * z.shape[1], 1), 1)
    return [slice(a, a + width) for a in range(0, pixels, width)] or [slice(None)]


def _read(
    kernel: Kernel, plan: Plan, z: Tensor, t: Tensor, w: Tensor | None, block: slice
) -> Block:
    z = z[..., block].to(_pixel_dtype(plan, z))
    w = None if w is None else w[..., block].to(z.dtype)
    apart = torch.compiler.is_compiling() and plan.classes <= APART
    read = read_block(xp, kernel, plan, z, t[..., block], w, classes_apart=apart)
    if read.wrong is not None:
        _complain(plan, read.wrong)
    return read


def _complain(plan: Plan, wrong: Tensor) -> None:
    """Raise for a label out of range where its value can be seen; elsewhere the loss is nan."""
    if torch.compiler.is_compiling() or wrong.device.type != "cpu":
        return
    try:
        found = bool(wrong.any())
    except RuntimeError:  # under vmap no value can be seen
        return
    if found:
        raise ValueError(label_out_of_range(plan))


def _fused(kernel: Kernel, plan: Plan, z: Tensor, t: Tensor, w: Tensor | None) -> bool:
    """Whether Triton's kernels take the pixels, one pass each; else blocks of tensor code do."""
    return triton_available(z) and covers(kernel, plan, _pixel_dtype(plan, z), z, t, w)


def _jitted(kernel: Kernel, plan: Plan, z: Tensor, t: Tensor, w: Tensor | None) -> bool:
    """Whether Numba's kernels take the pixels, one pass each."""
    available = numba_engine.numba_available(z) and numba_engine.covers(kernel, plan, z, t, w)
    return available and not _fused(kernel, plan, z, t, w)


def _sums(kernel: Kernel, plan: Plan, z: Tensor, t: Tensor, w: Tensor | None) -> Sums:
    if _fused(kernel, plan, z, t, w):
        return fused_sums(kernel, plan, _pixel_dtype(plan, z), z, t, w)
    if _jitted(kernel, plan, z, t, w):
        sums, wrong = numba_engine.numba_sums(kernel, plan, _pixel_dtype(plan, z), z, t, w)
        if wrong:
            raise ValueError(label_out_of_range(plan))
        return sums
    # Not kept until the last one is there: small tensors between large ones would pin the heap.
    total = reduce(
        add_sums,
        (block_sums(xp, kernel, plan, _read(kernel, plan, z, t, w, block)) for block in _blocks(z)),
    )
    shape = z.shape[0], z.shape[1] if plan.activation == "sigmoid" else 1
    return Sums(*(None if s is None else s.reshape(*shape, *s.shape[1:]) for s in total))


def _gradient(
    kernel: Kernel,
    plan: Plan,
    z: Tensor,
    t: Tensor,
    w: Tensor | None,
    sums: Sums,
    cotangent: Tensor,
) -> Tensor:
    if _jitted(kernel, plan, z, t, w):
        dtype = _pixel_dtype(plan, z)
        return numba_engine.numba_gradient(kernel, plan, dtype, z, t, w, sums, cotangent)
    vector = partial(xp.vector, like=sums.weight)
    slopes = region_slopes(xp, vector, kernel, plan, sums, cotangent)
    slopes = spread_slopes(xp, slopes, z.shape[0], _pixel_dtype(plan, z))
    if _fused(kernel, plan, z, t, w):
        return fused_gradient(kernel, plan, _pixel_dtype(plan, z), z, t, w, slopes)
    gradient = xp.empty_like(z)
    for block in _blocks(z):
        dz = block_gradient(xp, kernel, plan, _read(kernel, plan, z, t, w, block), slopes)
        gradient[..., block] = dz.reshape(z[..., block].shape)
    return gradient
