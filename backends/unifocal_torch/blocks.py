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
from unifocal_spec import Kernel, Plan, regions
from unifocal_spec.regions import (
    Slopes,
    Sums,
    add_sums,
    region_slopes,
    shares,
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


def loss_and_slopes(
    kernel: Kernel, plan: Plan, sums: Sums, dtype: torch.dtype, differentiable: bool
) -> tuple[Tensor, Tensor | None]:
    """Return the loss in a dtype, and its slopes side by side: (regions, K, columns)."""
    known = regions.known(xp, partial(xp.vector, like=sums.weight), kernel, plan)
    loss, slopes = regions.loss_and_slopes(xp, kernel, plan, known, sums, differentiable)
    return loss.to(dtype), None if slopes is None else _side_by_side(slopes)


def slopes_of_sums(kernel: Kernel, plan: Plan, sums: Sums) -> Tensor:
    """Return the slopes alone."""
    vector = partial(xp.vector, like=sums.weight)
    return _side_by_side(region_slopes(xp, vector, kernel, plan, sums, shares(xp, plan, sums)))


def _side_by_side(slopes: Slopes) -> Tensor:
    given = (s for s in slopes if s is not None)
    return torch.cat([s if s.dim() == 3 else s.unsqueeze(2) for s in given], dim=2)


def _apart(kernel: Kernel, plan: Plan, slopes: Tensor) -> Slopes:
    by_pixel = None if kernel.pixel is None else slopes[..., :1]
    by_class = slopes[..., 0 if by_pixel is None else 1 :]
    return Slopes(
        by_pixel, *((None,) * 3 if kernel.region is None else by_class.split(plan.classes, dim=2))
    )


def gradient(
    kernel: Kernel,
    plan: Plan,
    dtype: torch.dtype,
    z: Tensor,
    t: Tensor,
    w: Tensor | None,
    slopes: Tensor,
) -> Tensor:
    """Return ∂L/∂z, from the slopes of the loss by the sums."""
    if torch.compiler.is_compiling():
        z, t = _anew(z, slopes), _anew(t, slopes)
    spread = spread_slopes(xp, _apart(kernel, plan, slopes), z.shape[0], dtype)
    dz = xp.empty_like(z)
    for block in cut(z):
        part = block_gradient(xp, kernel, plan, _read(kernel, plan, dtype, z, t, w, block), spread)
        dz[..., block] = part.reshape(z[..., block].shape)
    return dz


def _anew(x: Tensor, slopes: Tensor) -> Tensor:
    """Return x by way of the slopes, so that a compiler computes from it once more.

    It would else keep masks and exponentials of the forward pass, and write and read more than the
    backward pass saves.
    """
    never = ((slopes == 0) & (slopes == 1)).any()
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
