"""The engine: it takes any kernel from logits to the loss and back, in PyTorch.

The pixels go one of several ways, each with the same three functions: through Triton's kernels, one
pass each, through Numba's, under a compiler by way of operators, or block by block through tensor
code, which can do everything.

Shapes inside: N samples, K problems per sample (sigmoid channels, else 1), C classes, M pixels; in
a block the N · K problems lie along one axis of length n, and M is the block's width.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
import torch

from unifocal.engine.pixels import roundings_lean, some_pixels, sums_in_float64
from unifocal.engine.plans import plan_of
from unifocal_numpy import namespace as numpy_xp
from unifocal_spec import Kernel, Plan
from unifocal_spec.regions import Sums, add_sums, pool
from unifocal_torch import blocks, numba_engine, triton_engine
from unifocal_torch import namespace as xp
from unifocal_torch.kernels import as_tensors, readable

__all__ = [
    "add_sums",
    "choose_way",
    "evaluate",
    "loss_of_sums",
    "piece_gradient",
    "piece_sums",
    "sums_dtype",
]

Tensor = torch.Tensor


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
    arrays = _canonical(plan, logits, target, weight)
    value: Tensor = _Loss.apply(*arrays, (kernel, plan, torch.is_grad_enabled()))[0]
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
        z, t, w = _canonical(plan, logits, target, weight)
        call = kernel, plan, sums_dtype(kernel, plan, z, t, w), z, t, w
        sums = choose_way(*call).pixel_sums(*call)
        return plan, pool(xp, plan, as_tensors(sums))


def loss_of_sums(kernel: Kernel, plan: Plan, sums: Sums, logits: Tensor) -> Tensor:
    """Return the loss of all pieces whose sums these are."""
    return blocks.loss_and_slopes(kernel, plan, sums, _loss_dtype(logits), False)[0]


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
        arrays = _canonical(plan, logits, target, weight)
        gradient = _gradient(kernel, plan, *arrays, blocks.slopes_of_sums(kernel, plan, sums))
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
    shapes = logits.shape, target.shape, None if weight is None else weight.shape
    kinds = _kind(target.dtype), "float" if weight is None else _kind(weight.dtype)
    # To a compiler a size may be a symbol, about which nothing must be asked.
    keep = not torch.compiler.is_compiling()
    return plan_of(kernel, shapes, kinds, hyper, options, keep)


def _kind(dtype: torch.dtype) -> str:
    if dtype.is_floating_point:
        return "float"
    if dtype.is_complex:
        return str(dtype)
    return "bool" if dtype is torch.bool else "integer"


def _canonical(
    plan: Plan, logits: Tensor, target: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    z, t = _classes_second(plan, logits), target if plan.index else _classes_second(plan, target)
    n, c, *spatial = z.shape
    m = math.prod(spatial)
    if weight is not None:
        weight = torch.broadcast_to(weight, (n, *spatial)).reshape(n, m)
    return z.reshape(n, c, m), t.reshape((n, m) if plan.index else (n, c, m)), weight


def _classes_second(plan: Plan, x: Tensor) -> Tensor:
    return x if plan.axis == 1 else torch.movedim(x, plan.axis, 1)


def _loss_dtype(logits: Tensor) -> torch.dtype:
    """The dtype of the loss: half precision is for storage only."""
    return torch.promote_types(logits.dtype, torch.float32)


def _pixel_dtype(plan: Plan, logits: Tensor) -> torch.dtype:
    """The dtype of pixel arithmetic."""
    return torch.float64 if plan.precision == "exact" else _loss_dtype(logits)


def sums_dtype(kernel: Kernel, plan: Plan, z: Tensor, t: Tensor, w: Tensor | None) -> torch.dtype:
    """The dtype of the terms that are summed, for canonical arrays; MPS lacks float64."""
    dtype = _pixel_dtype(plan, z)
    if dtype is torch.float64 or z.device.type == "mps":
        return dtype
    wide = sums_in_float64(kernel, plan, z.shape) or (z.is_cpu and _may_lean(kernel, plan, z, t, w))
    return torch.float64 if wide else dtype


def _may_lean(kernel: Kernel, plan: Plan, z: Tensor, t: Tensor, w: Tensor | None) -> bool:
    """Whether roundings lean, or nobody can see that they do not: a compiler, and under `vmap`."""
    seen = not torch.compiler.is_compiling() and all(
        readable(x, z.device) for x in (z, t, w) if x is not None
    )
    if not seen:
        return True
    z, t, w = _some_pixels(plan, z, t, w)

    def sums_in(dtype: torch.dtype) -> Sums:
        call = kernel, plan, dtype, z, t, w
        sums = choose_way(*call).pixel_sums(*call)
        return Sums(*(None if s is None else np.asarray(s) for s in sums))

    narrow, wide = sums_in(_pixel_dtype(plan, z)), sums_in(torch.float64)
    with np.errstate(all="ignore"):  # they may be inf
        return bool(roundings_lean(numpy_xp, plan, narrow, wide))


_KNOWN = {torch.bfloat16: torch.int16}
"""What NumPy takes for a dtype that it lacks."""


def _some_pixels(
    plan: Plan, z: Tensor, t: Tensor, w: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Let NumPy take them: PyTorch's threads would go on waiting, busily, while Numba's work."""

    def known(x: Tensor) -> Any:
        return x.view(_KNOWN.get(x.dtype, x.dtype)).numpy()

    arrays = known(z), known(t), None if w is None else known(w)
    some_z, some_t, some_w = some_pixels(numpy_xp, plan, arrays, axis=2)

    def back(some: Any, x: Tensor) -> Tensor:
        return torch.from_numpy(some).view(x.dtype)

    return back(some_z, z), back(some_t, t), None if w is None else back(some_w, w)


def choose_way(
    kernel: Kernel, plan: Plan, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> ModuleType:
    """Return the module through which the pixels go."""
    if torch.compiler.is_compiling():
        from unifocal_torch import operators

        return operators if operators.takes(kernel, plan, dtype, z, t, w) else blocks
    for way in (triton_engine, numba_engine):
        if way.takes(kernel, plan, dtype, z, t, w):
            return way
    return blocks


def _gradient(
    kernel: Kernel, plan: Plan, z: Tensor, t: Tensor, w: Tensor | None, slopes: Tensor
) -> Tensor:
    """Return ∂L/∂z, from the slopes of the loss by the sums."""
    call = kernel, plan, _pixel_dtype(plan, z), z, t, w
    gradient: Tensor = choose_way(*call).gradient(*call, slopes)
    return gradient


# Autograd -----------------------------------------------------------------------------------------


class _Loss(torch.autograd.Function):
    """The loss, with the closed-form gradient; the slopes by the sums are returned to be saved."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        z: Tensor, t: Tensor, w: Tensor | None, asked: tuple[Kernel, Plan, bool]
    ) -> tuple[Tensor, Tensor | None]:
        kernel, plan, differentiable = asked
        call = kernel, plan, sums_dtype(kernel, plan, z, t, w), z, t, w
        way = choose_way(*call)
        sums = way.pixel_sums(*call)
        loss, slopes = way.loss_and_slopes(kernel, plan, sums, _loss_dtype(z), differentiable)
        return loss, slopes

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor | None]
    ) -> None:
        z, t, w, (ctx.kernel, ctx.plan, differentiable) = inputs
        if differentiable:
            ctx.mark_non_differentiable(output[1])
            ctx.save_for_backward(z, t, w, output[1])

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor, _: Any) -> tuple[Tensor | None, ...]:
        z, t, w, slopes = ctx.saved_tensors
        slopes = slopes * (cotangent[:, None, None] if cotangent.dim() else cotangent)
        apply = _Gradient.apply if torch.is_grad_enabled() else _gradient
        return apply(ctx.kernel, ctx.plan, z, t, w, slopes), None, None, None


# PyTorch looks at the signature in every call, which is slow unless it is written down, and binds
# the arguments to it one by one: the fewer the better.
_Loss.forward.__signature__ = inspect.signature(_Loss.forward)  # type: ignore[attr-defined]


class _Gradient(torch.autograd.Function):
    """The gradient, as a function that refuses to be differentiated again."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        kernel: Kernel, plan: Plan, z: Tensor, t: Tensor, w: Tensor | None, slopes: Tensor
    ) -> Tensor:
        return _gradient(kernel, plan, z, t, w, slopes)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise NotImplementedError(
            "second derivatives are not provided; differentiate unifocal_spec.evaluate with "
            "array_api_compat.torch instead"
        )
