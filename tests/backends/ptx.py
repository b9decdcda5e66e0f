"""Compile Triton's kernels for a GPU that is not there, and read what the code loads and stores."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from unifocal_spec import OPTIONS
from unifocal_torch import engine, triton_engine, triton_kernels
from unifocal_torch.losses import KERNELS

TYPES = {
    torch.float16: "fp16",
    torch.bfloat16: "bf16",
    torch.float32: "fp32",
    torch.float64: "fp64",
    torch.uint8: "u8",
    torch.int64: "i64",
}
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


def _layout(case: Case) -> tuple[dict[str, Any], torch.dtype]:
    """Return what the launcher would have the kernel know, and the dtype of arithmetic."""
    kernel = KERNELS[case.loss]
    logits = torch.empty((2, case.classes, 512), dtype=case.logits, device="meta")
    target = torch.empty(logits.shape if case.soft else (2, 512), dtype=case.target, device="meta")
    options = {k: v for k, v in OPTIONS.items() if k != "weight"}
    options |= {"axis": 1, "activation": case.activation, "precision": case.precision}
    hyper = {name: h.default for name, h in kernel.hyperparameters.items()}
    plan = engine._plan(kernel, logits, target, None, hyper, options)
    dtype = engine._pixel_dtype(plan, logits)
    known = triton_engine.layout(kernel, plan, dtype, case.gradient)
    return known | triton_engine.tile(plan.classes, dtype), dtype


def compile_kernel(case: Case, capability: int) -> Compiled:
    """Compile for contiguous arrays whose sizes are multiples of 16, as the launcher would."""
    known, dtype = _layout(case)
    options = {name: known.pop(name) for name in ("num_warps", "maxnreg")}
    function = triton_kernels.gradient_kernel if case.gradient else triton_kernels.sums_kernel
    types = dict.fromkeys(("z", "dz"), case.logits) | {"t": case.target, "w": torch.float32}
    types |= dict.fromkeys(("table", "slopes"), dtype) | {"sums": torch.float64}

    signature: dict[str, Any] = {}
    constants: dict[Any, Any] = {}
    aligned: list[tuple[int, ...]] = []
    for i, name in enumerate(function.arg_names):
        absent = (name == "w" and not case.weight) or (name == "table" and known["TERM"] is None)
        if absent or name in known:
            signature[name], constants[name] = "constexpr", known.get(name)
        elif name in _POINTERS:
            signature[name] = f"*{TYPES[types[name]]}"
            aligned.append((i,))
        elif name.endswith("_by"):
            signature[name] = ("i32",) * (1 if name == "w_by" else 2) + ("constexpr",)
            last = len(signature[name]) - 1
            constants[i, last] = 1
            aligned += [(i, axis) for axis in range(last)]
        else:
            signature[name] = "i32"
            aligned += [(i,)] if name == "pixels" else []
    attributes = {place: [["tt.divisibility", 16]] for place in aligned}
    code = triton.compile(
        ASTSource(function, signature, constants, attributes),
        target=GPUTarget("cuda", capability, 32),
        options=options,
    )
    names = tuple(_parameters(signature))
    return Compiled(
        code.asm["ptx"], code.asm["cubin"], known["BLOCK"], 32 * options["num_warps"], names
    )


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
