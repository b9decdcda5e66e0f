"""The way through `torch.compile` of a tensor in this machine's memory: Numba's kernels once more.

They are operators, which a compiler calls and does not look into: left to itself it splits each
pass over the pixels into several, with volumes in between.

Importing this module imports the compiler. An exported program needs it where it is loaded.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import lru_cache
from itertools import compress
from typing import Any

import torch

from unifocal_spec import Kernel, Plan
from unifocal_spec.regions import Sums
from unifocal_torch import numba_engine
from unifocal_torch.blocks import loss_and_slopes
from unifocal_torch.engine import choose_way, sums_dtype
from unifocal_torch.kernels import as_tensors
from unifocal_torch.losses import KERNELS

__all__ = ["gradient", "loss_and_slopes", "pixel_sums", "takes"]

Tensor = torch.Tensor


def takes(
    kernel: Kernel, plan: Plan, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> bool:
    """Whether a compiler may be given operators for this call."""
    return _may_run() and not _transformed() and numba_engine.covers(kernel, plan, z, t, w)


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
    """Return the sums over pixels of every problem, in a dtype for when the logits are seen."""
    sums = iter(_pixel_sums(kernel.name, _text(plan), z, t, w))
    return Sums(*(next(sums) if needed else None for needed in _needed(kernel)))


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
    return _gradient(kernel.name, _text(plan), dtype, z, t, w, slopes)


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


def _needed(kernel: Kernel) -> tuple[bool, ...]:
    """Which of the five sums a loss needs; an operator returns no others."""
    return True, kernel.pixel is not None, *(kernel.region is not None,) * 3


# Operators ----------------------------------------------------------------------------------------


@torch.library.custom_op("unifocal::pixel_sums", mutates_args=())
def _pixel_sums(kernel: str, plan: str, z: Tensor, t: Tensor, w: Tensor | None) -> list[Tensor]:
    meant = KERNELS[kernel], _plan(plan)
    call = *meant, sums_dtype(*meant, z, t, w), z, t, w
    sums = as_tensors(choose_way(*call).pixel_sums(*call))
    return [s.contiguous() for s in sums if s is not None]


@_pixel_sums.register_fake
def _(kernel: str, plan: str, z: Tensor, *_: Any) -> list[Tensor]:
    meant = _plan(plan)
    number = z.shape[0], z.shape[1] if meant.activation == "sigmoid" else 1
    shapes = (number, number, *((*number, meant.classes),) * 3)
    chosen = compress(shapes, _needed(KERNELS[kernel]))
    return [z.new_empty(shape, dtype=torch.float64) for shape in chosen]


@torch.library.custom_op("unifocal::gradient", mutates_args=())
def _gradient(
    kernel: str,
    plan: str,
    dtype: torch.dtype,
    z: Tensor,
    t: Tensor,
    w: Tensor | None,
    slopes: Tensor,
) -> Tensor:
    call = KERNELS[kernel], _plan(plan), dtype, z, t, w
    return choose_way(*call).gradient(*call, slopes)


@_gradient.register_fake
def _(kernel: str, plan: str, dtype: torch.dtype, z: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(z)
