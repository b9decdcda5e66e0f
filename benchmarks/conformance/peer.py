"""A loss of another library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Peer:
    """A loss of another library, as a function of NumPy arrays."""

    library: str
    distribution: str
    """What pip calls it."""
    call: str
    """How the library's loss is called, for the reader."""
    loss: str
    """Which of our losses it is held to."""
    function: Callable[..., Any]
    """`function(logits, target, **hyperparameters)`, our names and values."""

    @property
    def version(self) -> str:
        """The installed version."""
        return metadata.version(self.distribution)
