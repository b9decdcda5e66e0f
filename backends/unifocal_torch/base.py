"""What all loss modules share."""

from __future__ import annotations

from typing import Any

import torch

from unifocal_spec import Kernel
from unifocal_spec.contract import OPTIONS
from unifocal_spec.options import check_early
from unifocal_torch.engine import evaluate


class LossModule(torch.nn.Module):
    """A loss as an `nn.Module`, without parameters or buffers."""

    def __init__(self, kernel: Kernel, keywords: dict[str, Any]) -> None:
        super().__init__()
        check_early(kernel.hyperparameters, keywords)
        self.kernel = kernel
        self.options = {k: v for k, v in keywords.items() if k in OPTIONS}
        self.hyper = {k: v for k, v in keywords.items() if k not in OPTIONS}

    def forward(
        self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the loss; `weight` is a weight per pixel, broadcastable to the index shape."""
        return evaluate(
            self.kernel, logits, target, weight=weight, hyper=self.hyper, **self.options
        )

    def extra_repr(self) -> str:
        """Show hyperparameters, and options that are not at their default."""
        chosen = {k: v for k, v in self.options.items() if v != OPTIONS[k]}
        return ", ".join(f"{k}={v!r}" for k, v in (self.hyper | chosen).items())
