"""The way of a tensor in this machine's memory through Numba's kernels, for what they cover.

Importing this module imports no Numba: that happens at the first call that may use it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache, partial
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unifocal.engine.pixels import label_out_of_range
from unifocal_spec import Kernel, Plan
from unifocal_spec.regions import Sums, Vector, reduce_losses, region_losses, region_slopes
from unifocal_torch import namespace as xp
from unifocal_torch.kernels import Switch, coefficient_rows, know, problem_count, readable

Tensor = torch.Tensor
Array = NDArray[Any]

_FLOATS = (torch.float32, torch.float64)
_HALVES = (torch.float16, torch.bfloat16)
_DTYPES = (*_FLOATS, torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)

FEW = 1 << 13
"""The pixels that one thread is done with before another could begin."""

_switch = Switch("UNIFOCAL_NUMBA")


def use_numba(enabled: bool | None) -> None:
    """Say whether Numba's kernels may run: True, False, or None for what `UNIFOCAL_NUMBA` says.

    Without either they run wherever they can.

    >>> use_numba(False)
    >>> use_numba(None)
    """
    _switch.chosen = enabled


VERSION = (0, 68)
"""The oldest Numba that the tests have passed with."""


@cache
def _installed() -> bool:
    """Whether Numba is there, new enough, and made for the NumPy that is there."""
    try:
        import numba
    except ImportError:
        return False
    return tuple(map(int, numba.__version__.split(".")[:2])) >= VERSION


def takes(
    kernel: Kernel, plan: Plan, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> bool:
    """Whether the kernels may run here and compute this call."""
    return (
        may_run()
        and covers(kernel, plan, z)
        and all(readable(x, z.device) for x in (z, t, w) if x is not None)
    )


def may_run() -> bool:
    """Whether the kernels are there, and not switched off."""
    return bool(_switch) and _installed()


def covers(kernel: Kernel, plan: Plan, z: Tensor) -> bool:
    """Whether the kernels compute such a call, if memory can be read."""
    return z.is_cpu and know(kernel, plan) and z.dtype in (*_FLOATS, *_HALVES)


def _shown(x: Tensor) -> Array:
    """Floats as NumPy's; of half precision, which Numba lacks, it is shown the bits."""
    return x.view(torch.int16).numpy().view(np.uint16) if x.dtype in _HALVES else x.numpy()


def _known(x: Tensor, dtype: torch.dtype) -> Array:
    """Targets and weights as NumPy's; those of a dtype that Numba lacks are converted."""
    if x.dtype not in _DTYPES:
        x = x.to(dtype if x.is_floating_point() else torch.int64)
    return x.numpy()


# Calling ------------------------------------------------------------------------------------------


@cache
def _kernels() -> tuple[ModuleType, ModuleType]:
    from unifocal_torch import numba_kernels, numba_terms

    return numba_kernels, numba_terms


@lru_cache(maxsize=256)
def _table(name: str, plan: Plan, dtype: torch.dtype) -> tuple[int, Array]:
    """Number of the pixel term, and its class weights and coefficients, (1 + count, C)."""
    term = _kernels()[1].TERMS[name]
    if term is None:
        return -1, np.empty((1, plan.classes), _numpy(dtype))
    rows = coefficient_rows(term, plan)
    return term.number, np.ascontiguousarray(np.array(rows, _numpy(dtype)).T)


def _numpy(dtype: torch.dtype) -> type[np.floating[Any]]:
    return np.float64 if dtype is torch.float64 else np.float32


_NO_WEIGHT = {dtype: np.ones((1, 1), _numpy(dtype)) for dtype in (*_FLOATS, *_HALVES)}


def _arguments(
    kernel: Kernel, plan: Plan, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> tuple[Any, ...]:
    """Return what both kernels are told of the arrays and of the loss."""
    term, table = _table(kernel.name, plan, dtype)
    return (
        table.dtype.type(np.finfo(table.dtype).tiny),
        _shown(z.detach()),
        _shown(t) if t.dtype is z.dtype else _known(t, dtype),
        _NO_WEIGHT[z.dtype] if w is None else _known(w, dtype),
        table,
        term,
        kernel.region is not None,
        plan.activation == "sigmoid",
        w is not None,
        plan.ignore_index is not None,
        plan.ignore_index or 0,
        z.dtype is torch.bfloat16,
    )


# Threads ------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _pool(helpers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(helpers, thread_name_prefix="unifocal")


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _threads(t: Tensor) -> int:
    return 1 if t.numel() <= FEW else torch.get_num_threads()


def _run(kernel: Callable[..., None], tasks: int, threads: int, *arguments: Any) -> None:
    """Do the tasks on at most so many threads; each takes what comes next."""
    threads = min(threads, tasks)
    if threads <= 1:
        kernel(0, tasks, *arguments)
        return
    share = -(-tasks // (8 * threads))
    starts = iter(range(0, tasks, share))

    def work(starts: Iterator[int]) -> None:
        for start in starts:
            kernel(start, min(start + share, tasks), *arguments)

    others = [_pool(threads - 1).submit(work, starts) for _ in range(threads - 1)]
    work(starts)
    for other in others:
        other.result()


# The two passes -----------------------------------------------------------------------------------


def pixel_sums(
    kernel: Kernel, plan: Plan, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> Sums:
    """Return the sums over pixels of every problem, computed in `dtype`."""
    kernels = _kernels()[0]
    problems, classes = problem_count(plan, z), plan.classes
    blocks = -(-z.shape[2] // kernels.BLOCK)
    parts = np.empty((problems * blocks, kernels.COLUMNS + 3 * classes))
    _run(
        kernels.sums_kernel,
        len(parts),
        _threads(t),
        parts,
        *_arguments(kernel, plan, dtype, z, t, w),
    )
    sums = parts.reshape(z.shape[0], -1, blocks, parts.shape[1]).sum(axis=2)
    if sums[..., 1].any():
        raise ValueError(label_out_of_range(plan))
    regions = (
        torch.from_numpy(sums[..., start : start + classes])
        for start in range(kernels.COLUMNS, sums.shape[-1], classes)
    )
    return Sums(
        torch.from_numpy(sums[..., 0]),
        None if kernel.pixel is None else torch.from_numpy(sums[..., 2]),
        *((None,) * 3 if kernel.region is None else regions),
    )


def loss_of_sums(kernel: Kernel, plan: Plan, sums: Sums) -> Tensor:
    """Return the loss, by NumPy: of few numbers its calls cost half of PyTorch's."""
    np_xp, numpy_kernel, arrays, vector = _by_numpy(kernel, sums)
    with np.errstate(all="ignore"):
        losses = region_losses(np_xp, vector, numpy_kernel, plan, arrays)
        return torch.as_tensor(reduce_losses(np_xp, plan, losses))


def _by_numpy(kernel: Kernel, sums: Sums) -> tuple[Any, Kernel, Sums, Vector]:
    from unifocal_numpy import losses, namespace

    arrays = Sums(*(None if s is None else s.numpy() for s in sums))
    vector = partial(namespace.vector, like=arrays.weight)
    return namespace, losses.KERNELS[kernel.name], arrays, vector


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
    kernels = _kernels()[0]
    np_xp, numpy_kernel, arrays, vector = _by_numpy(kernel, sums)
    with np.errstate(all="ignore"):
        slopes = region_slopes(np_xp, vector, numpy_kernel, plan, arrays, cotangent.numpy())
    problems = problem_count(plan, z)
    by_sum = np.zeros((problems, 1 + 3 * plan.classes), _numpy(dtype))
    at = 0
    for slope, width in zip(slopes, (1, *(plan.classes,) * 3), strict=True):
        if slope is not None:  # those of a batch are those of all samples
            by_sum.reshape(z.shape[0], -1, by_sum.shape[1])[..., at : at + width] = slope.reshape(
                *slope.shape[:2], width
            )
        at += width
    dz = xp.empty_like(z)
    _run(
        kernels.gradient_kernel,
        problems * -(-z.shape[2] // kernels.BLOCK),
        _threads(t),
        _shown(dz),
        by_sum,
        *_arguments(kernel, plan, dtype, z, t, w),
    )
    return dz
