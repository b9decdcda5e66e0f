"""The way of a CUDA tensor through the Triton kernels, for what they cover.

Importing this module imports no Triton: that happens at the first call that may use it.
"""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache, lru_cache
from types import ModuleType
from typing import Any

import torch

from unifocal.engine.switch import Switch
from unifocal_spec import Kernel, Plan
from unifocal_spec.regions import Sums
from unifocal_torch.blocks import loss_and_slopes
from unifocal_torch.kernels import coefficient_rows, know, problem_count, readable

__all__ = ["gradient", "loss_and_slopes", "pixel_sums", "takes", "use_triton"]

Tensor = torch.Tensor

CLASSES = {torch.float32: 16, torch.float64: 8}
"""The most classes, by the dtype of arithmetic: one thread holds all those of a pixel, and has 255
registers. More would be spilled to memory."""

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_DTYPES = (*_FLOATS, torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)

VERSION = (3, 4)
"""The oldest Triton that the tests have passed with."""

CAPABILITY = (8, 0)
"""The oldest GPUs for which the tests compile the kernels."""

_switch = Switch("UNIFOCAL_TRITON")


def use_triton(enabled: bool | None) -> None:
    """Say whether Triton's kernels may run: True, False, or None for what `UNIFOCAL_TRITON` says.

    Without either they run on CUDA tensors wherever they can. True admits tensors in this machine's
    memory too where Triton's interpreter runs the kernels (`TRITON_INTERPRET=1`).

    >>> use_triton(False)
    >>> use_triton(None)
    """
    _switch.chosen = enabled


@cache
def _installed() -> bool:
    """Whether Triton is there, new enough, and has the C compiler with which it builds launchers.

    What AMD's GPUs make of the kernels has not been tested.
    """
    if "tensorflow" in sys.modules and "triton" not in sys.modules:
        return False  # Triton 3.7 takes the process down when it is loaded after TensorFlow
    try:
        import triton
    except ImportError:
        return False
    version = tuple(map(int, triton.__version__.split(".")[:2]))
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    return version >= VERSION and compiler is not None and torch.version.hip is None


@cache
def _new_enough(device: int) -> bool:
    return torch.cuda.is_available() and torch.cuda.get_device_capability(device) >= CAPABILITY


def _available(z: Tensor) -> bool:
    """Whether Triton's kernels can and may run on a tensor."""
    if not (z.is_cuda or _switch.chosen) or not _switch:
        return False
    if z.is_cuda:
        return _installed() and _new_enough(z.get_device())
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    return interpreted and z.device.type == "cpu" and _installed()


def takes(
    kernel: Kernel, plan: Plan, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> bool:
    """Whether the kernels may run here and compute this call."""
    return (
        _available(z)
        and know(kernel, plan)
        and z.numel() > 0
        and z.dtype in _FLOATS
        and plan.classes <= CLASSES[dtype]
        and all(readable(x, z.device) and x.dtype in _DTYPES for x in (z, t, w) if x is not None)
    )


# Launching ----------------------------------------------------------------------------------------


@cache
def _kernels() -> tuple[ModuleType, ModuleType]:
    from unifocal_torch import triton_kernels, triton_terms

    return triton_kernels, triton_terms


@lru_cache(maxsize=256)
def _table(name: str, plan: Plan, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Class weights and coefficients of the pixel term, (1 + count, C); kept from call to call."""
    term = _kernels()[1].TERMS[name]
    return torch.tensor(coefficient_rows(term, plan), dtype=dtype).T.contiguous().to(device)


def tile(classes: int, dtype: torch.dtype) -> dict[str, int]:
    """Return pixels and warps per program: so few pixels per thread that its registers suffice.

    All 255 registers are allowed, lest the assembler spill some so that more threads fit in.
    Products and sums are rounded each, as everywhere else; where one rounding is meant, `tl.fma`
    stands.
    """
    per_thread = 4 if classes <= 4 and dtype == torch.float32 else 1
    return {"BLOCK": 128 * per_thread, "num_warps": 4, "maxnreg": 255, "enable_fp_fusion": False}


def layout(kernel: Kernel, plan: Plan, dtype: torch.dtype, gradient: bool) -> dict[str, Any]:
    """Return what a kernel knows at compile time, except for its tile."""
    term = _kernels()[1].TERMS[kernel.name]
    return {
        "TERM": None if term is None else term.gradient if gradient else term.value,
        "COUNT": 0 if term is None else term.coefficient_count,
        "REGION": kernel.region is not None,
        "CLASSES": plan.classes,
        "SIGMOID": plan.channels if plan.activation == "sigmoid" else 0,
        "INDEX": plan.index,
        "IGNORE": plan.ignore_index,
        "DTYPE": getattr(_kernels()[0].tl, str(dtype).removeprefix("torch.")),
    }


def _launch(
    kernel: Kernel,
    plan: Plan,
    dtype: torch.dtype,
    arrays: tuple[Tensor, Tensor, Tensor | None],
    gradient: bool,
) -> tuple[int, int, dict[str, Any]]:
    """Return the numbers of problems and of tiles in each, and the arguments of both kernels."""
    z, t, w = arrays[0], _bytes(arrays[1]), None if arrays[2] is None else _bytes(arrays[2])
    problems = problem_count(plan, z)
    size = tile(plan.classes, dtype)
    tiles = -(-z.shape[2] // size["BLOCK"])
    arguments = {
        "z": z,
        "t": t,
        "w": w,
        "table": None if kernel.pixel is None else _table(kernel.name, plan, dtype, z.device),
        "pixels": z.shape[2],
        "tiles": tiles,
        "z_by": z.stride(),
        "t_by": (t.stride(0), 0, t.stride(1)) if plan.index else t.stride(),
        "w_by": (0, 0) if w is None else w.stride(),
    }
    return problems, tiles, arguments | layout(kernel, plan, dtype, gradient) | size


def _bytes(x: Tensor) -> Tensor:
    """Bools as the numbers 0 and 1 that they are in memory."""
    return x.view(torch.uint8) if x.dtype == torch.bool else x


def pixel_sums(
    kernel: Kernel, plan: Plan, dtype: torch.dtype, z: Tensor, t: Tensor, w: Tensor | None
) -> Sums:
    """Return the sums over pixels of every problem: tiles in float64, and float64 sums of these."""
    problems, tiles, arguments = _launch(kernel, plan, dtype, (z, t, w), gradient=False)
    pixel, region, classes = kernel.pixel is not None, kernel.region is not None, plan.classes
    columns = 1 + pixel + 3 * classes * region
    parts = torch.empty((problems, tiles, columns), dtype=torch.float64, device=z.device)
    with torch.cuda.device_of(z):
        _kernels()[0].sums_kernel[(problems * tiles,)](parts, **arguments)
    sums = parts.sum(dim=1).reshape(z.shape[0], -1, columns)
    by_class = sums[..., 1 + pixel :].split(classes, dim=-1) if region else (None,) * 3
    return Sums(sums[..., 0], sums[..., 1] if pixel else None, *by_class)


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
    problems, tiles, arguments = _launch(kernel, plan, dtype, (z, t, w), gradient=True)
    by_sum = slopes.to(dtype).expand(z.shape[0], -1, -1).contiguous()
    dz = torch.empty_like(z)
    with torch.cuda.device_of(z):
        _kernels()[0].gradient_kernel[(problems * tiles,)](
            dz, slopes=by_sum, dz_by=dz.stride(), **arguments
        )
    return dz
