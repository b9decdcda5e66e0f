"""What an erratum is: what is printed, why it cannot be meant, and a property that tells it.

A property is a quantity computed from a form of the equation. The implemented form must have it at
all arguments, the printed form must lack it somewhere; both are decided on symbols by
`unifocal.proofs.prove`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

Form = Callable[..., Any]
"""One reading of an equation, as a function over an array namespace."""


@dataclass(frozen=True)
class Property:
    """`quantity(xp, form, …)` is positive, zero, real or finite for all positive arguments.

    The arguments after `form` are the variables, and all of them are positive numbers. A quantity
    that is zero may be several, as a tuple. With `towards`, the statement is about the limit in
    which that variable falls to 0.
    """

    statement: str
    relation: Literal["positive", "zero", "real", "finite"]
    quantity: Callable[..., Any]
    implemented: Form
    printed: tuple[Form, ...]
    towards: str | None = None
    lacking: str = "printed"
    """What to call the forms that lack the property."""


@dataclass(frozen=True)
class Reading:
    """The claim that one form of an equation has a property (or lacks it)."""

    about: str
    """The place in the paper."""
    stated: Property
    form: Form
    holds: bool

    @property
    def statement(self) -> str:
        """The claim in one line."""
        which = "implemented" if self.holds else self.stated.lacking
        return f"{which}: {self.stated.statement}"


@dataclass(frozen=True)
class Erratum:
    """One place where the paper's print is not what it means."""

    equation: str
    printed: str
    why: str
    implemented: str
    losses: tuple[str, ...] = ()
    latex: str = ""
    """The equation as printed."""
    properties: tuple[Property, ...] = ()
    """Empty for what is not mathematics."""

    @property
    def place(self) -> str:
        """Where it stands in the paper."""
        return f"eq. {self.equation}" if self.equation[0].isdigit() else self.equation

    @property
    def readings(self) -> Iterator[Reading]:
        """For each property, the implemented form, which has it, and the printed, which lack it."""
        for stated in self.properties:
            yield Reading(self.place, stated, stated.implemented, holds=True)
            for form in stated.printed:
                yield Reading(self.place, stated, form, holds=False)
