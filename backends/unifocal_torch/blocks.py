"""The way of any tensor through the engine: tensor code, block by block.

Forward sums the terms of all pixels; backward visits the same blocks again with the slope of the
loss by each sum. Nothing is kept in between but logits, target, weight and the sums.
"""

from __future__ import annotations

from functools import partial, reduce

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
from unifocal_spec import Kernel, Plan
from unifocal_spec.regions import (
    Slopes,
    Sums,
    add_sums,
    reduce_losses,
    region_losses,
    region_slopes,
)
from unifocal_torch import namespace as xp

Tensor = torch.Tensor

BLOCK = 1 << 17
"""Logits per block on a CPU: what stays in its cache. Elsewhere launches cost more than memory."""


def pixel_sums(
    kernel: Kernel, plan: Plan, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> Sums:
    """Return the sums over pixels of every problem, computed in `dtype`."""
    # Not kept until the last one is there: small tensors between large ones would pin the heap.
    total = reduce(
        add_sums,
        (
            block_sums(xp, kernel, plan, _read(kernel, plan, dtype, z, t, w, block))
            for block in cut(z)
        ),
    )
    shape = z.shape[0], z.shape[1] if plan.activation == "sigmoid" else 1
    return Sums(*(None if s is None else s.reshape(*shape, *s.shape[1:]) for s in total))


def loss_of_sums(kernel: Kernel, plan: Plan, sums: Sums) -> Tensor:
    """Return the loss, in the dtype of the sums."""
    losses = region_losses(xp, partial(xp.vector, like=sums.weight), kernel, plan, sums)
    value: Tensor = reduce_losses(xp, plan, losses)
    return value


def slopes_of_sums(
    kernel: Kernel, plan: Plan, dtype: torch.dtype, samples: int, sums: Sums, cotangent: Tensor
) -> Slopes:
    """Return the slope of the loss by each sum of every problem."""
    vector = partial(xp.vector, like=sums.weight)
    slopes = region_slopes(xp, vector, kernel, plan, sums, cotangent)
    return spread_slopes(xp, slopes, samples, dtype)


def gradient(
    kernel: Kernel,
    plan: Plan,
    dtype: torch.dtype,
    z: Tensor,
    t: Tensor,
    w: Tensor | None,
    sums: Sums,
    cotangent: Tensor,
) -> Tensor:
    """Return ∂L/∂z, from the cotangents of the losses of all regions."""
    if torch.compiler.is_compiling():
        z, t = _anew(z, cotangent), _anew(t, cotangent)
    slopes = slopes_of_sums(kernel, plan, dtype, z.shape[0], sums, cotangent)
    dz = xp.empty_like(z)
    for block in cut(z):
        part = block_gradient(xp, kernel, plan, _read(kernel, plan, dtype, z, t, w, block), slopes)
        dz[..., block] = part.reshape(z[..., block].shape)
    return dz


def _anew(x: Tensor, cotangent: Tensor) -> Tensor:
    """Return x by way of the cotangent, so that a compiler computes from it once more.

    It would else keep masks and exponentials of the forward pass, and write and read more than the
    backward pass saves.
    """
    never = ((cotangent == 0) & (cotangent == 1)).any()
    return x ^ never if x.dtype is torch.bool else x + never.to(x.dtype)


def cut(z: Tensor) -> list[slice]:
    """Cut the pixels so that a block stays in cache; a compiler or a GPU gets them in one piece."""
    pixels = z.shape[2]
    if torch.compiler.is_compiling() or z.device.type != "cpu":
        return [slice(None)]
    width = max(BLOCK // max(z.shape[0] * z.shape[1], 1), 1)
    return [slice(a, a + width) for a in range(0, pixels, width)] or [slice(None)]


def _read(
    kernel: Kernel,
    plan: Plan,
    dtype: torch.dtype,
    z: Tensor,
    t: Tensor,
    w: Tensor | None,
    block: slice,
) -> Block:
    z = z[..., block]
    w = None if w is None else w[..., block]
    apart = torch.compiler.is_compiling() and plan.classes <= APART
    read = read_block(xp, kernel, plan, dtype, z, t[..., block], w, classes_apart=apart)
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
