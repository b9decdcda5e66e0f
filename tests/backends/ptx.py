"""Compile Triton's kernels for a GPU that is not there, and read what the code loads and stores."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from unifocal_spec import OPTIONS, Kernel, Plan
from unifocal_torch import engine, triton_engine, triton_kernels
from unifocal_torch.kernels import problem_count
from unifocal_torch.losses import KERNELS

_POINTERS = ("sums", "dz", "z", "t", "w", "table", "slopes")


@dataclass(frozen=True)
class Case:
    """What a kernel is compiled for."""

    loss: str
    classes: int
    gradient: bool
    logits: torch.dtype = torch.float32
    target: torch.dtype = torch.int64
    activation: str = "softmax"
    weight: bool = False
    precision: str = "native"
    last: bool = False
    """Whether classes come last in memory."""

    @property
    def soft(self) -> bool:
        return self.target.is_floating_point


@dataclass(frozen=True)
class Compiled:
    """A kernel's code, and the size of its tile."""

    ptx: str
    cubin: bytes
    pixels: int
    threads: int
    names: tuple[str, ...]
    """The arguments that are parameters of the code."""


class _Driver:
    """A GPU that only says what it is."""

    def __init__(self, capability: int) -> None:
        self.target = GPUTarget("cuda", capability, 32)

    def get_current_target(self) -> GPUTarget:
        return self.target

    def get_current_device(self) -> int:
        return self.target.arch

    def get_current_stream(self, device: int) -> int:
        return 0


class _Recorder:
    """A kernel that is compiled for the arguments of a launch, but not launched."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        return partial(self._compile, grid)

    def _compile(self, grid: tuple[int, ...], *arguments: Any, **keywords: Any) -> None:
        self.code = self.kernel.warmup(*arguments, grid=grid, **keywords)
        self.pixels = keywords["BLOCK"]


PIXELS = 1 << 15
"""Enough to be computed in the dtype of the logits."""


def compile_kernel(case: Case, capability: int) -> Compiled:
    """Compile what the launcher would launch."""
    kernel = KERNELS[case.loss]
    logits = torch.zeros((2, case.classes, PIXELS), dtype=case.logits)
    if case.last:
        logits = logits.transpose(1, 2).contiguous().transpose(1, 2)
    target = torch.zeros(logits.shape if case.soft else (2, PIXELS), dtype=case.target)
    weight = torch.zeros((2, PIXELS)) if case.weight else None
    options = {k: v for k, v in OPTIONS.items() if k != "weight"}
    options |= {"axis": 1, "activation": case.activation, "precision": case.precision}
    hyper = {name: h.default for name, h in kernel.hyperparameters.items()}
    plan = engine._plan(kernel, logits, target, weight, hyper, options)
    dtype = (
        engine._pixel_dtype(plan, logits)
        if case.gradient
        else engine.sums_dtype(kernel, plan, logits.to("meta"), target, weight)  # as on a GPU
    )
    call = kernel, plan, dtype, logits, target, weight

    name = "gradient_kernel" if case.gradient else "sums_kernel"
    recorder = _Recorder(getattr(triton_kernels, name))
    with ExitStack() as stack:
        stack.callback(driver.set_active, driver._active)
        driver.set_active(_Driver(capability))
        stack.enter_context(patch.object(triton_kernels, name, recorder))
        if case.gradient:
            triton_engine.gradient(*call, _nothing(kernel, problem_count(plan, logits), plan))
        else:
            triton_engine.pixel_sums(*call)
    code = recorder.code
    names = tuple(_parameters(code.src.signature))
    return Compiled(
        code.asm["ptx"], code.asm["cubin"], recorder.pixels, 32 * code.metadata.num_warps, names
    )


def _nothing(kernel: Kernel, problems: int, plan: Plan) -> torch.Tensor:
    """Return slopes of 0 by the sums that the loss has."""
    columns = (kernel.pixel is not None) + 3 * plan.classes * (kernel.region is not None)
    return torch.zeros((2, problems // 2, columns), dtype=torch.float64)


def _parameters(signature: dict[str, Any]) -> Iterator[str]:
    for name, kind in signature.items():
        for entry in kind if isinstance(kind, tuple) else (kind,):
            if entry != "constexpr":
                yield name


def resources(compiled: Compiled, folder: Path) -> dict[str, int]:
    """Return registers per thread, and bytes of stack, where spilled registers go."""
    file = folder / "kernel.cubin"
    file.write_bytes(compiled.cubin)
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    command = [str(tool), "--dump-resource-usage", str(file)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {key: int(re.search(rf"\b{key}:(\d+)", said)[1]) for key in ("REG", "STACK", "LOCAL")}


def has_loop(compiled: Compiled) -> bool:
    """Whether any branch goes back."""
    labels: set[str] = set()
    for line in compiled.ptx.splitlines():
        if label := re.match(r"(\$\w+):", line):
            labels.add(label[1])
        elif (branch := re.search(r"\bbra(?:\.uni)?\s+(\$\w+)", line)) and branch[1] in labels:
            return True
    return False


_REGISTER = re.compile(r"%[a-z]+\d+")
_PARAMETER = re.compile(r"ld\.param\S*\s+(%\w+), \[\w+_param_(\d+)\]")
_ACCESS = re.compile(r"(ld|st)\.global(?:\.v(\d))?\.b(\d+)\s+(.*);")


def bytes_per_thread(compiled: Compiled) -> Counter[tuple[str, str]]:
    """Count the bytes that a thread loads and stores, by the argument that its address is made of.

    Registers are followed from the parameters on; a register that was loaded is made of nothing,
    for what is loaded is data. PTX assigns a register once, or along different ways.
    """
    made_of: dict[str, set[str]] = {}
    moved: Counter[tuple[str, str]] = Counter()
    for line in compiled.ptx.splitlines():
        if parameter := _PARAMETER.search(line):
            made_of[parameter[1]] = {compiled.names[int(parameter[2])]} & set(_POINTERS)
        elif access := _ACCESS.search(line):
            kind, width, bits, operands = access.groups()
            address = _REGISTER.findall(re.search(r"\[([^\]]*)\]", operands)[1])
            (name,) = set().union(*(made_of.get(r, set()) for r in address))
            moved[kind, name] += int(width or 1) * int(bits) // 8
        elif registers := _REGISTER.findall(line.split("//")[0].lstrip(" \t@")):
            result, *sources = registers
            made_of.setdefault(result, set()).update(*(made_of.get(r, set()) for r in sources))
    return moved
