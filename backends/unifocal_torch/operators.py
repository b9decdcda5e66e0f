"""The way through `torch.compile` of a tensor in this machine's memory: Numba's kernels once more.

They are operators, which a compiler calls and does not look into: left to itself it splits each
pass over the pixels into several, with volumes in between.

Importing this module imports the compiler.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import lru_cache
from types import ModuleType
from typing import Any

import torch

from unifocal_spec import Kernel, Plan
from unifocal_spec.regions import Sums
from unifocal_torch import blocks, numba_engine
from unifocal_torch.blocks import loss_of_sums

__all__ = ["gradient", "loss_of_sums", "pixel_sums", "takes"]

Tensor = torch.Tensor


def takes(
    kernel: Kernel, plan: Plan, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> bool:
    """Whether a compiler may be given operators for this call."""
    return _may_run() and not _transformed() and numba_engine.covers(kernel, plan, z)


@torch.compiler.assume_constant_result
def _may_run() -> bool:
    return numba_engine.may_run()


@torch.compiler.assume_constant_result
def _transformed() -> bool:
    """Whether this is traced inside `vmap` or another transform, which looks into what it maps."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def pixel_sums(
    kernel: Kernel, plan: Plan, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> Sums:
    """Return the sums over pixels of every problem, computed in `dtype`."""
    sums = iter(_pixel_sums(kernel.name, _text(plan), dtype, z, t, w))
    needed = (True, kernel.pixel is not None, *(kernel.region is not None,) * 3)
    return Sums(*(next(sums) if one else None for one in needed))


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
    return _gradient(kernel.name, _text(plan), dtype, z, t, w, *sums, cotangent)


# A call as an operator knows it -------------------------------------------------------------------


_FIELDS = tuple(field.name for field in fields(Plan))


def _text(plan: Plan) -> str:
    """The plan in letters: what an operator may be given, and a compiled program be kept with."""
    return _dumped(*(getattr(plan, name) for name in _FIELDS))


@torch.compiler.assume_constant_result
def _dumped(*values: Any) -> str:
    return json.dumps(values)


@lru_cache(maxsize=256)
def _plan(text: str) -> Plan:
    return Plan(*_tuples(json.loads(text)))


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _call(kernel: str, plan: str, *arrays: Any) -> tuple[ModuleType, tuple[Any, ...]]:
    """Return the way that a call goes in the end, and what it asks for."""
    from unifocal_torch.losses import KERNELS

    call = KERNELS[kernel], _plan(plan), *arrays
    return numba_engine if numba_engine.takes(*call) else blocks, call


# Operators ----------------------------------------------------------------------------------------


@torch.library.custom_op("unifocal::pixel_sums", mutates_args=())
def _pixel_sums(
    kernel: str, plan: str, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> list[Tensor]:
    way, call = _call(kernel, plan, dtype, z, t, w)
    return [s.contiguous() for s in way.pixel_sums(*call) if s is not None]


@_pixel_sums.register_fake
def _(
    kernel: str, plan: str, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> list[Tensor]:
    from unifocal_torch.losses import KERNELS

    known, meant = KERNELS[kernel], _plan(plan)
    shape = z.shape[0], z.shape[1] if meant.activation == "sigmoid" else 1
    numbers = [shape] * (1 + (known.pixel is not None))
    classes = [(*shape, meant.classes)] * (3 * (known.region is not None))
    return [z.new_empty(one, dtype=torch.float64) for one in (*numbers, *classes)]


@torch.library.custom_op("unifocal::gradient", mutates_args=())
def _gradient(
    kernel: str,
    plan: str,
    dtype: torch.dtype,
    z: Tensor,
    t: Tensor,
    w: Tensor | None,
    weight: Tensor,
    pixel: Tensor | None,
    tp: Tensor | None,
    fp: Tensor | None,
    fn: Tensor | None,
    cotangent: Tensor,
) -> Tensor:
    way, call = _call(kernel, plan, dtype, z, t, w)
    return way.gradient(*call, Sums(weight, pixel, tp, fp, fn), cotangent)


@_gradient.register_fake
def _(
    kernel: str,
    plan: str,
    dtype: torch.dtype,
    z: Tensor,
    t: Tensor,
    w: Tensor | None,
    weight: Tensor,
    pixel: Tensor | None,
    tp: Tensor | None,
    fp: Tensor | None,
    fn: Tensor | None,
    cotangent: Tensor,
) -> Tensor:
    return torch.empty_like(z)
