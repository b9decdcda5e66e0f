"""What a claim is: two losses, the hyperparameters at which they meet, a factor and a constant.

A claim is data. It is decided on symbols by `unifocal.proofs.prove`, and the same data gives
keyword arguments for tensors through `numeric`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from unifocal_spec.claims.auxiliary import AUXILIARY
from unifocal_spec.definition import ClassSet, Hyperparameter, Loss, Number, spread
from unifocal_spec.losses import LOSSES

DEFINITIONS: dict[str, Loss] = LOSSES | AUXILIARY
"""Every loss a claim may name."""

HALF = Fraction(1, 2)

Value = Any
"""A number, None, a marker of this module, or a function of free parameters giving one of them."""


@dataclass(frozen=True)
class EveryClass:
    """The same value for every class; as a set of classes: every class (True) or none (False)."""

    value: Any


@dataclass(frozen=True)
class ByRarity:
    """One value for the rare classes and one for the others."""

    rare: Any
    common: Any


class Point(NamedTuple):
    """Both sides of a claim at values of what it leaves free."""

    general: dict[str, Any]
    special: dict[str, Any]
    factor: Any
    constant: Any


def _parameters(value: Value) -> tuple[str, ...]:
    return tuple(inspect.signature(value).parameters) if callable(value) else ()


def _at(value: Value, free: Mapping[str, Any]) -> Any:
    return value(**{name: free[name] for name in _parameters(value)}) if callable(value) else value


def per_class(kind: Hyperparameter, value: Any, rare: Sequence[bool]) -> Any:
    """Resolve a hyperparameter, number or symbol, to one value per class; a Number stays one."""
    classes = len(rare)
    if isinstance(kind, Number):
        return value
    if isinstance(value, EveryClass):
        return (value.value,) * classes
    if isinstance(value, ByRarity):
        return tuple(value.rare if r else value.common for r in rare)
    if isinstance(kind, ClassSet):
        return kind.resolve("rare", value, classes)
    if value is None:
        return (1,) * classes
    return tuple(value) if isinstance(value, Iterable) else spread(value, classes)


def _plain(value: Any) -> Any:
    """Turn a resolved value into a keyword argument: a float, floats, or indices of classes."""
    if not isinstance(value, tuple):
        return float(value)
    if isinstance(value[0], bool):
        return tuple(c for c, member in enumerate(value) if member)
    return tuple(float(v) for v in value)


@dataclass(frozen=True)
class _Pair:
    """Two losses, and at which hyperparameters to compare them.

    Hyperparameters of the special loss that `special_at` leaves out are the free ones of the same
    name.
    """

    general: str
    at: Mapping[str, Value]
    special: str
    text: str
    special_at: Mapping[str, Value] = field(default_factory=dict)
    factor: Value = 1
    constant: Value = 0

    @property
    def about(self) -> str:
        """The general loss, as it is shown."""
        return f"`{self.general}`"

    @property
    def free(self) -> dict[str, Hyperparameter]:
        """What is left free, by name."""
        general = DEFINITIONS[self.general].hyperparameters
        special = DEFINITIONS[self.special].hyperparameters
        values = (*self.at.values(), *self.special_at.values(), self.factor, self.constant)
        own = Number(1.0, "a parameter of the claim alone")
        return (
            {name: own for value in values for name in _parameters(value)}
            | {name: kind for name, kind in general.items() if name not in self.at}
            | {name: kind for name, kind in special.items() if name not in self.special_at}
        )

    def substitute(self, classes: int, free: Mapping[str, Any]) -> Point:
        """Return both sides, resolved per class, at values (or symbols) of what is free."""
        rare = ClassSet(None, "").resolve("rare", free.get("rare"), classes)

        def resolve(name: str, fixed: Mapping[str, Value]) -> dict[str, Any]:
            return {
                key: per_class(kind, _at(fixed[key], free) if key in fixed else free[key], rare)
                for key, kind in DEFINITIONS[name].hyperparameters.items()
            }

        return Point(
            resolve(self.general, self.at),
            resolve(self.special, self.special_at),
            _at(self.factor, free),
            _at(self.constant, free),
        )


def _shown(name: str) -> str:
    return f"`{name}`" if name in LOSSES else AUXILIARY[name].summary


@dataclass(frozen=True)
class Claim(_Pair):
    """`general` at these hyperparameters = factor · `special` + constant.

    `text`, `special_text` and `constant_text` are how `statement` spells the data.
    """

    special_text: str = ""
    constant_text: str = ""
    holds: bool = True
    source: str = "Fig. 1"

    @property
    def statement(self) -> str:
        """The claim in one line, without the general loss: "γ = 0, α = None: `cross_entropy`"."""
        factor = {1: "", HALF: "½ "}.get(self.factor, f"{self.factor} ")
        which = f" with {self.special_text}" if self.special_text else ""
        constant = f", {self.constant_text}" if self.constant_text else ""
        return f"{self.text}: {factor}{_shown(self.special)}{which}{constant}"

    def numeric(self, classes: int, **free: Any) -> Point:
        """Return both sides as keyword arguments of the losses, at values of what is free.

        >>> claim = Claim("tversky", {"alpha": HALF, "beta": HALF}, "dice", "α = β = ½")
        >>> claim.numeric(2).general
        {'alpha': 0.5, 'beta': 0.5}
        """
        point = self.substitute(classes, free)
        return Point(
            {name: _plain(value) for name, value in point.general.items()},
            {name: _plain(value) for name, value in point.special.items()},
            float(point.factor),
            float(point.constant),
        )


@dataclass(frozen=True)
class Unreachable(_Pair):
    """No value of what is free makes `general` equal to `special`.

    With `up_to_factor`, not equal to any positive multiple of it either. What is free in the
    special loss counts as positive. At values in `excluding` the losses may meet.
    """

    up_to_factor: bool = True
    excluding: Mapping[str, Fraction] = field(default_factory=dict)
    holds: bool = True
    source: str = "Fig. 1"

    @property
    def statement(self) -> str:
        """The claim in one line."""
        return self.text
