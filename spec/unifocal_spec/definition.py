"""What a definition is: a pixel term, a region term, and a combination of the two.

    L = combine( (1/W) Σ_i w_i Σ_c ω_c pixel(p_ic, t_ic),  mean_c region(TP_c, FP_c, FN_c) )

No part ever sums over pixels. That one restriction makes a proof for one pixel a proof for every
image, lets sums be taken block by block or across devices, and gives the gradient in closed form.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from keyword import iskeyword
from numbers import Integral, Real
from typing import Any

from unifocal_spec.contract import OPTIONS

Array = Any
"""Whatever the namespace `xp` computes with: arrays, mpmath numbers or SymPy expressions."""


def spread(value: Any, classes: int) -> tuple[Any, ...]:
    """Spread one foreground weight a over the classes: (1 − a, a, …, a), Lin's α_t."""
    return (1 - value,) + (value,) * (classes - 1)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise TypeError(f"{name} must be a finite Python number, got {value!r}")
    return float(value)


@dataclass(frozen=True)
class Number:
    """A real hyperparameter in [low, high]; `positive` excludes 0."""

    default: float
    meaning: str
    low: float = 0.0
    high: float = math.inf
    positive: bool = False

    def resolve(self, name: str, value: Any, classes: int) -> float:
        """Check `value` and return it as a float."""
        number = _number(name, value)
        if not self.low <= number <= self.high or (self.positive and number <= 0):
            low = f"> {self.low:g}" if self.positive else f">= {self.low:g}"
            high = "" if self.high == math.inf else f" and <= {self.high:g}"
            raise ValueError(f"{name} must be {low}{high}, got {value!r}")
        return number


@dataclass(frozen=True)
class ClassWeight:
    """A weight per class: a number a gives (1 − a, a, …, a), a sequence is taken as is, None is 1.

    Only weights ≥ 0 are allowed, so a single number lies in [0, 1].
    """

    default: float | Sequence[float] | None
    meaning: str

    def resolve(self, name: str, value: Any, classes: int) -> tuple[float, ...]:
        """Return one weight for each of `classes` classes."""
        if value is None:
            return (1.0,) * classes
        if isinstance(value, Iterable):
            weights = tuple(_number(name, v) for v in value)
            if len(weights) != classes:
                raise ValueError(f"{name} must have one entry per class ({classes}), got {value!r}")
        else:
            weights = spread(_number(name, value), classes)
        if min(weights) < 0:
            wanted = "entries >= 0" if isinstance(value, Iterable) else "between 0 and 1"
            raise ValueError(f"{name} must be {wanted}, got {value!r}")
        return weights


@dataclass(frozen=True)
class ClassSet:
    """A set of class indices; None means every class but the background 0."""

    default: Iterable[int] | None
    meaning: str

    def resolve(self, name: str, value: Any, classes: int) -> tuple[bool, ...]:
        """Return for each of `classes` classes whether it belongs to the set."""
        if value is None:
            return (False,) + (True,) * (classes - 1)
        if not isinstance(value, Iterable):
            raise TypeError(f"{name} must be an iterable of class indices or None, got {value!r}")
        members = tuple(value)
        for c in members:
            if isinstance(c, bool) or not isinstance(c, Integral) or not 0 <= int(c) < classes:
                raise ValueError(
                    f"{name} must hold class indices from 0 to {classes - 1}, got {c!r}"
                )
        return tuple(c in members for c in range(classes))


Hyperparameter = Number | ClassWeight | ClassSet


def keywords(part: Callable[..., Array] | None) -> tuple[str, ...]:
    """Return the names of the hyperparameters that a part takes: its keyword-only arguments."""
    if part is None:
        return ()
    parameters = inspect.signature(part).parameters.values()
    return tuple(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Loss:
    """One loss, written once.

    pixel(xp, log_p, log_q, t, *, …)
        the term of one pixel and class, with log_q = log(1 − p). It is summed over classes and
        averaged over the weighted pixels.
    region(xp, tp, fp, fn, smooth, *, …)
        the term of one class of one region, from its sums. It is averaged over classes.
    combine(xp, pixel, region, *, …)
        the loss from the two averages. May be left out where only one part is given.

    Keyword-only arguments are hyperparameters and must be described in `hyperparameters`.

    >>> Loss("mine", "One sentence.", "formula", pixel=lambda xp, log_p, log_q, t: -t * log_p).name
    'mine'
    """

    name: str
    summary: str
    formula: str
    paper: str = ""
    pixel: Callable[..., Array] | None = None
    region: Callable[..., Array] | None = None
    combine: Callable[..., Array] | None = None
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or iskeyword(self.name):
            raise ValueError(f"name must be a Python identifier, got {self.name!r}")
        if self.pixel is None and self.region is None:
            raise ValueError(f"{self.name}: give a pixel term, a region term, or both")
        if self.combine is None and self.pixel is not None and self.region is not None:
            raise ValueError(f"{self.name}: combine must say how pixel and region are combined")
        if taken := sorted(set(self.hyperparameters) & set(OPTIONS)):
            raise ValueError(
                f"{self.name}: hyperparameters must not be called {taken}: these are keywords "
                "common to every loss"
            )
        used = {k for part in self.parts.values() for k in keywords(part)}
        if used != set(self.hyperparameters):
            raise ValueError(
                f"{self.name}: hyperparameters must describe exactly the keyword-only arguments "
                f"of its parts, {sorted(used)}, got {sorted(self.hyperparameters)}"
            )

    @property
    def parts(self) -> dict[str, Callable[..., Array]]:
        """The parts that are given, by name."""
        parts = {"pixel": self.pixel, "region": self.region, "combine": self.combine}
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def defaults(self) -> dict[str, Any]:
        """The default of every hyperparameter."""
        return {name: h.default for name, h in self.hyperparameters.items()}
