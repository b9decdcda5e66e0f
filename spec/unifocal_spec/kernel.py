"""What a generated loss hands to an engine: native code for each part, value and derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from unifocal_spec.definition import Hyperparameter


class Part(NamedTuple):
    """Native code of one part of a loss.

    `value` and `gradient` take the same arguments: the part's inputs, then the hyperparameters
    named in `hyper`. `gradient` returns ∂value/∂log p for a pixel term, (∂/∂TP, ∂/∂FP, ∂/∂FN) for
    a region term and (∂/∂pixel, ∂/∂region) for a combination.
    """

    value: Callable[..., Any]
    gradient: Callable[..., Any]
    hyper: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Kernel:
    """Native code of one loss: everything an engine needs to know about it. Hashed by identity."""

    name: str
    hyperparameters: Mapping[str, Hyperparameter]
    pixel: Part | None
    region: Part | None
    combine: Part | None
    label_only: bool
    """Whether the pixel term vanishes at t = 0, so that an index label needs its class alone."""
    cancels: bool
    """Whether the two parts have opposite signs, so that little may be left of them."""
