"""What the two ways through written kernels share: Numba's on a CPU and Triton's on a GPU."""

from __future__ import annotations

from typing import Any

import torch

from unifocal_spec import Kernel, Plan
from unifocal_spec.regions import Sums

Tensor = torch.Tensor


def know(kernel: Kernel, plan: Plan) -> bool:
    """Whether kernels have the pixel term of a loss: those of the package, of logits."""
    from unifocal_torch.losses import KERNELS

    return plan.activation != "none" and KERNELS.get(kernel.name) is kernel


def readable(x: Tensor, device: torch.device) -> bool:
    """Whether a kernel can be given a tensor's memory.

    Under `vmap`, say, it shows none; an imaginary part may hold its numbers with the other sign.
    """
    try:
        address = x.data_ptr()
    except RuntimeError:
        return False
    return address != 0 and not x.is_neg() and x.device == device


def coefficient_rows(term: Any, plan: Plan) -> list[tuple[float, ...]]:
    """Return, per class, its weight and the coefficients of the pixel term."""
    hyper = plan.arguments(term.hyper)

    def row(c: int) -> tuple[float, ...]:
        values = {n: v[c] if isinstance(v, tuple) else v for n, v in hyper.items()}
        return (plan.class_weights[c], *term.coefficients(**values))

    return [row(c) for c in range(plan.classes)]


def as_tensors(sums: Sums) -> Sums:
    """Return sums as tensors; those of a way may be arrays of NumPy's."""
    return Sums(*(None if s is None else torch.as_tensor(s) for s in sums))


def problem_count(plan: Plan, z: Tensor) -> int:
    """Return the number of samples, or of their sigmoid channels."""
    return z.shape[0] * (z.shape[1] if plan.activation == "sigmoid" else 1)
