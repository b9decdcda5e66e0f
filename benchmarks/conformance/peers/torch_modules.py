"""Losses that are PyTorch modules: value and gradient on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

Array = np.ndarray[Any, Any]


def evaluate(
    loss: Callable[..., torch.Tensor], logits: Array, target: torch.Tensor
) -> tuple[float, Array]:
    """Return value and gradient by the first argument."""
    z = torch.tensor(logits, requires_grad=True)
    value = loss(z, target)
    value.backward()
    assert z.grad is not None
    return float(value.detach()), z.grad.numpy()


def indices(target: Array) -> torch.Tensor:
    """Class indices as PyTorch wants them; refuses values per class."""
    if target.dtype.kind not in "iu":
        raise TypeError("class indices are wanted")
    return torch.from_numpy(target.astype(np.int64))
