"""What a claim leaves free, as symbols or numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import sympy as sp

from unifocal_spec.claims.claim import Claim, Unreachable
from unifocal_spec.definition import ClassSet, ClassWeight, Hyperparameter

Pair = Claim | Unreachable


def _rare_sets(pair: Pair, classes: int) -> Iterator[tuple[int, ...] | None]:
    if "rare" not in pair.free:
        yield None
        return
    for members in product((False, True), repeat=classes):
        yield tuple(c for c, member in enumerate(members) if member)


def free_values(
    pair: Pair, classes: int, value: Callable[[str, Hyperparameter], Any]
) -> Iterator[dict[str, Any]]:
    """Yield values of all that is free, once for every set of rare classes if that is free."""

    def of_kind(name: str, kind: Hyperparameter) -> Any:
        if isinstance(kind, ClassWeight):
            return tuple(value(f"{name}_{c}", kind) for c in range(classes))
        return value(name, kind)

    for rare in _rare_sets(pair, classes):
        yield {
            name: rare if isinstance(kind, ClassSet) else of_kind(name, kind)
            for name, kind in pair.free.items()
        }


def symbol(name: str, kind: Hyperparameter) -> sp.Symbol:
    """Return the symbol that stands for every value of a hyperparameter."""
    # Only γ of the focal Tversky loss must not be 0; for all others 0 is a value to prove for.
    positive = getattr(kind, "positive", False)
    return sp.Symbol(name, positive=True) if positive else sp.Symbol(name, nonnegative=True)
