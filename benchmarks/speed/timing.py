"""Seconds of calls that take turns, so that what disturbs one disturbs the others too."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Mapping, Sequence
from statistics import quantiles
from time import perf_counter
from typing import Any, NamedTuple

Call = Callable[[], Any]

SHORTEST = 0.005
"""Seconds: what takes less is called several times for one figure."""


class Spread(NamedTuple):
    """A median, and the quartiles around it."""

    median: float
    low: float
    high: float


def spread(figures: Sequence[float]) -> Spread:
    """Median and quartiles."""
    if len(figures) < 2:
        return Spread(figures[0], figures[0], figures[0])
    low, middle, high = quantiles(figures, n=4, method="inclusive")
    return Spread(middle, low, high)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Of turns: each figure over the other's in the same turn."""
    return spread([a / b for a, b in zip(ours, theirs, strict=False)])


def take_turns(
    calls: Mapping[str, Call], turns: int, patience: float = math.inf
) -> dict[str, list[float]]:
    """Seconds of each call in every turn.

    Every second turn goes backwards: no call always follows the same one. From the third turn on, a
    call that has already taken more than `patience` seconds is left out.
    """
    numbers = {name: _number(call) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    gc.collect()
    gc.disable()
    try:
        for turn in range(turns):
            for name in list(calls)[:: -1 if turn % 2 else 1]:
                if turn < 2 or sum(seconds[name]) * numbers[name] < patience:
                    seconds[name].append(_seconds(calls[name], numbers[name]))
    finally:
        gc.enable()
    return seconds


def _number(call: Call) -> int:
    """How often to call for one figure."""
    return max(1, math.ceil(SHORTEST / _seconds(call, 1)))


def _seconds(call: Call, number: int) -> float:
    began = perf_counter()
    for _ in range(number):
        call()
    return (perf_counter() - began) / number
