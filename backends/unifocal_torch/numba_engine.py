"""The way of a tensor in this machine's memory through Numba's kernels, for what they cover.

Importing this module imports no Numba: that happens at the first call that may use it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unifocal_spec import Kernel, Plan
from unifocal_spec.regions import Slopes, Sums
from unifocal_torch import namespace as xp

Tensor = torch.Tensor
Array = NDArray[Any]

_FLOATS = (torch.float32, torch.float64)
_DTYPES = (*_FLOATS, torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)

_chosen: bool | None = None


def use_numba(enabled: bool | None) -> None:
    """Say whether Numba's kernels may run: True, False, or None for what `UNIFOCAL_NUMBA` says.

    Without either they run wherever they can.

    >>> use_numba(False)
    >>> use_numba(None)
    """
    global _chosen
    _chosen = enabled


def _wanted() -> bool:
    return os.environ.get("UNIFOCAL_NUMBA", "1") != "0" if _chosen is None else _chosen


@cache
def _installed() -> bool:
    return find_spec("numba") is not None


def numba_available(z: Tensor) -> bool:
    """Whether Numba's kernels can and may run on a tensor."""
    return not torch.compiler.is_compiling() and z.is_cpu and _wanted() and _installed()


def covers(kernel: Kernel, plan: Plan, z: Tensor, t: Tensor, w: Tensor | None) -> bool:
    """Whether the kernels compute this call; they know the pixel terms of the package's losses."""
    from unifocal_torch.losses import KERNELS

    return (
        KERNELS.get(kernel.name) is kernel
        and plan.activation != "none"
        and z.dtype in _FLOATS
        and all(_readable(x) for x in (z, t, w) if x is not None)
    )


def _readable(x: Tensor) -> bool:
    """Whether a kernel can be given a tensor's memory: under `vmap`, say, it shows none."""
    try:
        address = x.data_ptr()
    except RuntimeError:
        return False
    return address != 0 and x.is_cpu and x.dtype in _DTYPES


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
    hyper = plan.arguments(term.hyper)

    def column(c: int) -> tuple[float, ...]:
        values = {n: v[c] if isinstance(v, tuple) else v for n, v in hyper.items()}
        return (plan.class_weights[c], *term.coefficients(**values))

    columns = [column(c) for c in range(plan.classes)]
    return term.number, np.ascontiguousarray(np.array(columns, _numpy(dtype)).T)


def _numpy(dtype: torch.dtype) -> type[np.floating[Any]]:
    return np.float64 if dtype is torch.float64 else np.float32


def _arguments(
    kernel: Kernel, plan: Plan, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> tuple[Any, ...]:
    """Return what both kernels are told of the arrays and of the loss."""
    term, table = _table(kernel.name, plan, dtype)
    weights = torch.ones(1, dtype=dtype).expand(z.shape[0], z.shape[2]) if w is None else w
    ignoring = plan.ignore_index is not None
    return (
        table.dtype.type(np.finfo(table.dtype).tiny),
        z.detach().numpy(),
        t.numpy(),
        weights.numpy(),
        table,
        term,
        kernel.region is not None,
        plan.activation == "sigmoid",
        w is not None or ignoring,
        ignoring,
        plan.ignore_index or 0,
    )


def _problems(plan: Plan, z: Tensor) -> int:
    return z.shape[0] * (z.shape[1] if plan.activation == "sigmoid" else 1)


# Threads ------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _pool(helpers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(helpers, thread_name_prefix="unifocal")


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _run(kernel: Callable[..., None], tasks: int, *arguments: Any) -> None:
    """Do the tasks on as many threads as PyTorch would; each takes what comes next."""
    threads = min(torch.get_num_threads(), tasks)
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


def numba_sums(
    kernel: Kernel, plan: Plan, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> tuple[Sums, bool]:
    """Return the sums over pixels, and whether a label is out of range."""
    kernels = _kernels()[0]
    problems, classes = _problems(plan, z), plan.classes
    blocks = -(-z.shape[2] // kernels.BLOCK)
    parts = np.empty((problems * blocks, kernels.COLUMNS + 3 * classes))
    _run(kernels.sums_kernel, len(parts), parts, *_arguments(kernel, plan, dtype, z, t, w))
    sums = parts.reshape(z.shape[0], -1, blocks, parts.shape[1]).sum(axis=2)
    total = torch.from_numpy(sums)
    regions = total[..., kernels.COLUMNS :].split(classes, dim=-1)
    return Sums(
        total[..., 0],
        None if kernel.pixel is None else total[..., 2],
        *((None,) * 3 if kernel.region is None else regions),
    ), bool(sums[..., 1].any())


def numba_gradient(
    kernel: Kernel,
    plan: Plan,
    dtype: torch.dtype,
    z: Tensor,
    t: Tensor,
    w: Tensor | None,
    slopes: Slopes,
) -> Tensor:
    """Return ∂L/∂z, from the slopes that `spread_slopes` returns."""
    kernels = _kernels()[0]
    problems = _problems(plan, z)
    zero = torch.zeros(problems, 1, dtype=dtype)
    pixel = zero if slopes.pixel is None else slopes.pixel.reshape(problems, -1)
    regions = [s.reshape(problems, -1) for s in slopes[1:] if s is not None]
    by_sum = torch.cat([pixel, *regions], dim=1).numpy()
    gradient = xp.empty_like(z)
    _run(
        kernels.gradient_kernel,
        problems * -(-z.shape[2] // kernels.BLOCK),
        gradient.numpy(),
        by_sum,
        *_arguments(kernel, plan, dtype, z, t, w),
    )
    return gradient
