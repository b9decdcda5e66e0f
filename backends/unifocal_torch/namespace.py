"""PyTorch under the array names that the engine uses."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import (
    any,
    broadcast_to,
    clip,
    exp,
    floor,
    full_like,
    int64,
    log,
    log1p,
    maximum,
    mean,
    moveaxis,
    ones_like,
    reshape,
    zeros_like,
)

__all__ = [
    "all_between",
    "any",
    "arange_like",
    "astype",
    "at_least_tiny",
    "broadcast_to",
    "clip",
    "count",
    "empty_like",
    "equals",
    "exp",
    "expand_dims",
    "expm1",
    "floor",
    "full_like",
    "int64",
    "log",
    "log1p",
    "max",
    "maximum",
    "mean",
    "moveaxis",
    "ones_like",
    "pick",
    "repeat",
    "reshape",
    "size",
    "stack",
    "sum",
    "take",
    "tiny",
    "total",
    "vector",
    "where",
    "zeros_like",
]

Tensor = torch.Tensor

LARGE = 1 << 22
"""The bytes from which NumPy asks for large pages."""

FEW = 1 << 12
"""The entries for which it is calls that take time."""


def _in_memory(x: Tensor) -> bool:
    """Whether a tensor lies in this machine's memory: not so when compiled, or under `vmap`."""
    if torch.compiler.is_compiling() or x.device.type != "cpu":
        return False
    try:
        x.data_ptr()
    except RuntimeError:
        return False
    return True


def all_between(x: Tensor, low: int, high: int) -> bool:
    """Whether all entries are seen to lie in [low, high]; False also where none can be seen."""
    if not _in_memory(x) or x.numel() == 0:
        return False
    least, largest = torch.aminmax(x)
    return bool(least >= low) and bool(largest <= high)


def arange_like(n: int, x: Tensor) -> Tensor:
    """0 … n − 1 with dtype and device of x."""
    return torch.arange(n, dtype=x.dtype, device=x.device)


def astype(x: Tensor, dtype: torch.dtype) -> Tensor:
    """X in another dtype."""
    return x.to(dtype)


def at_least_tiny(x: Tensor) -> Tensor:
    """X, or the smallest normal number where x is below it."""
    return x.clamp_min(torch.finfo(x.dtype).tiny)


def empty_like(x: Tensor) -> Tensor:
    """A new tensor like x, holding anything.

    NumPy asks the system for large pages where it gets much memory, PyTorch does not: its first
    write to a volume takes five times as long.
    """
    size = x.numel() * x.element_size()
    if size < LARGE or not _in_memory(x):
        return torch.empty_like(x)
    layout = torch.empty_like(x, device="meta")  # classes stay last where they are
    memory = torch.from_numpy(np.empty(size, np.uint8)).view(x.dtype)
    return memory.as_strided(layout.shape, layout.stride())


def equals(x: Tensor, y: Tensor) -> Tensor:
    """1 where x = y and 0 elsewhere, in the dtype of x: bools would take ten times as long."""
    return (x - y).eq_(0) if _in_memory(x) else (x == y).to(x.dtype)


def expand_dims(x: Tensor, axis: int) -> Tensor:
    """X with a new axis of length 1."""
    return x.unsqueeze(axis)


def expm1(x: Tensor) -> Tensor:
    """exp(x) − 1 that keeps its digits near 0, under `torch.compile` too.

    On a CPU, Inductor up to PyTorch 2.13 at least takes the difference, which is 0 there.
    """
    if not torch.compiler.is_compiling():
        return torch.expm1(x)
    half = torch.tanh(torch.clip(x, -1, 1) / 2)
    return torch.where(x.abs() <= 1, 2 * half / (1 - half), torch.exp(x) - 1)


def count(x: Tensor, axis: int, dtype: Any) -> Any:
    """The length of an axis as a number to calculate with."""
    return x.shape[axis]


def max(x: Tensor, axis: int, keepdims: bool) -> Tensor:
    """Maximum over an axis."""
    return x.amax(dim=axis, keepdim=keepdims)


def pick(x: Tensor, label: Tensor, axis: int) -> Tensor:
    """The entry that the label names along an axis, which keeps length 1."""
    return x.gather(axis, label.unsqueeze(axis))


def repeat(x: Tensor, times: int, axis: int) -> Tensor:
    """Every entry along an axis several times."""
    return x.repeat_interleave(times, dim=axis)


def size(x: Tensor, axis: int) -> int:
    """The length of an axis."""
    return x.shape[axis]


def stack(arrays: tuple[Tensor, ...], axis: int) -> Tensor:
    """Join arrays along a new axis."""
    return torch.stack(arrays, dim=axis)


def sum(x: Tensor, axis: int, keepdims: bool = False) -> Tensor:
    """Sum over a short axis, in the dtype of x."""
    return x.sum(dim=axis, keepdim=keepdims)


def take(x: Tensor, index: Tensor) -> Tensor:
    """The entries of a vector that an index array names."""
    return x.index_select(0, index.reshape(-1)).reshape(index.shape)


def tiny(x: Tensor) -> Tensor:
    """The smallest normal number of the dtype of x, in an array like x."""
    return torch.full_like(x, torch.finfo(x.dtype).tiny)


def sum_dtype(x: Tensor) -> torch.dtype:
    """The dtype of sums over pixels: float64 wherever the device has it."""
    return x.dtype if x.device.type == "mps" else torch.float64


def total(x: Tensor, axis: int) -> Tensor:
    """Sum over pixels."""
    return x.sum(dim=axis, dtype=sum_dtype(x))


def vector(values: tuple[Any, ...], like: Tensor) -> Tensor:
    """A one-dimensional array of floats or bools beside `like`."""
    dtype = torch.bool if isinstance(values[0], bool) else like.dtype
    return torch.tensor(values, dtype=dtype, device=like.device)


_BITS = {torch.float32: torch.int32, torch.float64: torch.int64}


def where(condition: Tensor, x: Any, y: Any) -> Tensor:
    """X where the condition holds, else y; one of the two may be a number.

    `torch.where` visits one entry after the other; on a processor the bits of floats are chosen
    several times faster by `&` and `^`, which vector instructions do.
    """
    like = x if isinstance(x, Tensor) else y
    bits = _BITS.get(like.dtype)
    if bits is None or condition.numel() <= FEW or not _in_memory(like):
        return torch.where(condition, x, y)
    first, second = (
        (v if isinstance(v, Tensor) else torch.tensor(v, dtype=like.dtype)).view(bits)
        for v in (x, y)
    )
    chosen = condition.to(bits).neg_()  # all bits set, or none
    return (((first ^ second) & chosen) ^ second).view(like.dtype)
