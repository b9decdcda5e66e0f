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
from unifocal.engine.switch import Switch
from unifocal_numpy import namespace as numpy_xp
from unifocal_spec import Kernel, Plan, regions
from unifocal_spec.regions import Sums
from unifocal_torch import namespace as xp
from unifocal_torch.kernels import coefficient_rows, know, problem_count, readable

Tensor = torch.Tensor
Array = NDArray[Any]

DTYPES = {
    torch.float32: 0,
    torch.float64: 1,
    torch.float16: 2,
    torch.bfloat16: 3,
    torch.int64: 4,
    torch.int32: 5,
    torch.int16: 6,
    torch.int8: 7,
    torch.uint8: 8,
    torch.bool: 8,
}
"""The dtypes that kernels read, and the numbers by which they know them."""

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
        and covers(kernel, plan, z, t, w)
        and readable(z, z.device)
        and readable(t, z.device)
        and (w is None or readable(w, z.device))
    )


def may_run() -> bool:
    """Whether the kernels are there, and not switched off."""
    return bool(_switch) and _installed()


def covers(kernel: Kernel, plan: Plan, z: Tensor, t: Tensor, w: Tensor | None) -> bool:
    """Whether the kernels compute such a call, if memory can be read."""
    known = z.dtype in DTYPES and t.dtype in DTYPES and (w is None or w.dtype in DTYPES)
    return z.is_cpu and known and know(kernel, plan)


# Calling ------------------------------------------------------------------------------------------


@cache
def _kernels() -> tuple[ModuleType, ModuleType]:
    from unifocal_torch import numba_kernels, numba_terms

    return numba_kernels, numba_terms


def _table(name: str, plan: Plan, dtype: torch.dtype) -> tuple[int, Array]:
    """Number of the pixel term, and its class weights and coefficients, (1 + count, C)."""
    term = _kernels()[1].TERMS[name]
    if term is None:
        return -1, np.empty((1, plan.classes), _numpy(dtype))
    rows = coefficient_rows(term, plan)
    return term.number, np.ascontiguousarray(np.array(rows, _numpy(dtype)).T)


def _numpy(dtype: torch.dtype) -> type[np.floating[Any]]:
    return np.float64 if dtype is torch.float64 else np.float32


def _memory(x: Tensor) -> tuple[int, ...]:
    """An array (N, C, M) or (N, M) as kernels know it; nothing here keeps its memory alive."""
    size, strides = x.element_size(), x.stride()
    by_sample, by_channel, by_pixel = strides if len(strides) == 3 else (strides[0], 0, strides[1])
    steps = by_sample * size, by_channel * size, by_pixel * size
    return DTYPES[x.dtype], size, x.data_ptr(), *steps


@lru_cache(maxsize=256)
def _of_loss(kernel: Kernel, plan: Plan, dtype: torch.dtype) -> tuple[Any, ...]:
    """Return what both kernels are told of the loss."""
    term, table = _table(kernel.name, plan, dtype)
    return (
        table.dtype.type(np.finfo(table.dtype).tiny),
        plan.index,
        table,
        term,
        kernel.region is not None,
        plan.activation == "sigmoid",
        plan.ignore_index is not None,
        plan.ignore_index or 0,
    )


def _arguments(
    kernel: Kernel, plan: Plan, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> tuple[Any, ...]:
    """Return what both kernels are told of the loss and of the arrays."""
    arrays = _memory(z), _memory(t), _memory(z if w is None else w), w is not None
    return *_of_loss(kernel, plan, dtype), *z.shape[1:], *arrays


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
    sums = parts.reshape(z.shape[0], -1, blocks, parts.shape[1])
    sums = sums[:, :, 0] if blocks == 1 else sums.sum(axis=2)
    if np.count_nonzero(sums[..., 1]):
        raise ValueError(label_out_of_range(plan))
    tp, fp, fn = (
        sums[..., start : start + classes]
        for start in range(kernels.COLUMNS, sums.shape[-1], classes)
    )
    return Sums(
        sums[..., 0],
        None if kernel.pixel is None else sums[..., 2],
        *((None,) * 3 if kernel.region is None else (tp, fp, fn)),
    )


def loss_and_slopes(
    kernel: Kernel, plan: Plan, sums: Sums, dtype: torch.dtype, differentiable: bool
) -> tuple[Tensor, Tensor | None]:
    """Return the loss in a dtype, and its slopes side by side: (regions, K, columns).

    By NumPy: of few numbers its calls cost half of PyTorch's.
    """
    with np.errstate(all="ignore"):
        value, slopes = regions.loss_and_slopes(
            numpy_xp, *_small_end(kernel, plan), sums, differentiable
        )
    loss = torch.from_numpy(np.asarray(value, _numpy(dtype)))
    if slopes is None:
        return loss, None
    given = [s if s.ndim == 3 else s[..., None] for s in slopes if s is not None]
    return loss, torch.from_numpy(np.concatenate(given, axis=2))


@lru_cache(maxsize=256)
def _small_end(kernel: Kernel, plan: Plan) -> tuple[Kernel, Plan, regions.Known]:
    """Return what NumPy is told of the loss."""
    from unifocal_numpy.losses import KERNELS

    numpy_kernel = KERNELS[kernel.name]
    vector = partial(numpy_xp.vector, like=np.empty(0))  # of float64, as sums are
    return numpy_kernel, plan, regions.known(numpy_xp, vector, numpy_kernel, plan)


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
    kernels = _kernels()[0]
    problems, columns = problem_count(plan, z), 1 + 3 * plan.classes
    by_sum = np.zeros((z.shape[0], problems // z.shape[0], columns), _numpy(dtype))
    given = slice(0 if kernel.pixel else 1, columns if kernel.region else 1)
    by_sum[..., given] = slopes.numpy()  # those of a batch are those of all samples
    dz = xp.empty_like(z)
    _run(
        kernels.gradient_kernel,
        problems * -(-z.shape[2] // kernels.BLOCK),
        _threads(t),
        _memory(dz),
        by_sum.reshape(problems, columns),
        *_arguments(kernel, plan, dtype, z, t, w),
    )
    return dz
