"""What one data set says to one hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.reproduce.hypotheses import statistics
from benchmarks.reproduce.hypotheses.contrasts import (
    Condition,
    Sample,
    difference,
    each,
    levels,
    pairing,
    per_unit,
    select,
)
from benchmarks.reproduce.hypotheses.statistics import Directions


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """A registered statement; ``hypotheses.yaml`` says what the fields mean."""

    id: str
    statement: str
    family: str
    where: Condition
    test: Literal["higher", "not_lower", "trend", "equivalent"]
    metric: str
    higher: Condition = field(default_factory=dict)
    lower: Condition = field(default_factory=dict)
    every: Literal["higher", "lower"] | None = None
    between: tuple[Condition, ...] = ()
    over: str = ""
    direction: Literal["rising", "falling"] = "rising"


class Rules(NamedTuple):
    """What is registered for all hypotheses."""

    alpha: float
    power: float
    margin: float


class Evidence(NamedTuple):
    """An estimate with its 95 % interval, p in both directions, and what the sample can resolve."""

    estimate: float
    interval: tuple[float, float] | None
    directions: Directions
    n: int
    unit: str
    detectable: float | None
    about: str


def _evidence(values: Any, sample: Sample, test: Directions, rules: Rules, about: str) -> Evidence:
    return Evidence(
        float(np.mean(values)),
        statistics.interval(values),
        test,
        len(values),
        sample.unit,
        statistics.detectable(values, rules.alpha, rules.power),
        about,
    )


def _weakest(found: list[Evidence]) -> Evidence:
    """All must hold, so the one that holds least is shown."""
    shown = max(found, key=lambda e: e.directions.favour)
    return shown._replace(directions=statistics.conjunction([e.directions for e in found]))


def _named(condition: Condition) -> str:
    return ", ".join(
        " + ".join(map(str, value)) if isinstance(value, list) else f"{value}"
        for value in condition.values()
    )


def _pairs(hypothesis: Hypothesis) -> list[tuple[Condition, Condition]]:
    if hypothesis.every == "higher":
        return [(part, hypothesis.lower) for part in each(hypothesis.higher)]
    if hypothesis.every == "lower":
        return [(hypothesis.higher, part) for part in each(hypothesis.lower)]
    return [(hypothesis.higher, hypothesis.lower)]


def _differences(hypothesis: Hypothesis, frame: pd.DataFrame, rules: Rules) -> Evidence | None:
    null = -rules.margin if hypothesis.test == "not_lower" else 0.0
    keys = pairing(hypothesis.where, hypothesis.higher, hypothesis.lower, *hypothesis.between)
    parts = [select(frame, condition) for condition in hypothesis.between] or [frame]
    found = []
    for higher, lower in _pairs(hypothesis):
        paired = [difference(part, higher, lower, hypothesis.metric, keys) for part in parts]
        contrast = (paired[0] - paired[1]).dropna() if hypothesis.between else paired[0]
        if contrast.empty:
            return None
        sample = per_unit(contrast)
        test = statistics.t_test(sample.values, null)
        about = f"{_named(higher)} − {_named(lower)}"
        found.append(_evidence(sample.values, sample, test, rules, about))
    return _weakest(found)


def _trend(hypothesis: Hypothesis, frame: pd.DataFrame, rules: Rules) -> Evidence | None:
    over = hypothesis.over
    table = levels(frame, over, hypothesis.metric, pairing(hypothesis.where, {over: None}))
    if table.empty or table.shape[1] < 3:
        return None
    sample = per_unit(table)
    if len(sample.values) < 2:
        return None
    test = statistics.trend(sample.values, hypothesis.direction == "rising")
    values = statistics.slopes(sample.values, list(table.columns))
    return _evidence(values, sample, test, rules, f"per unit of {over}, {table.shape[1]} levels")


def _equivalent(hypothesis: Hypothesis, frame: pd.DataFrame, rules: Rules) -> Evidence | None:
    over = hypothesis.over
    keys = pairing(hypothesis.where, {over: None})
    found = []
    for a, b in combinations(sorted(frame[over].unique()), 2):
        paired = difference(frame, {over: a}, {over: b}, hypothesis.metric, keys)
        if not paired.empty:
            sample = per_unit(paired)
            test = statistics.equivalence(sample.values, rules.margin)
            found.append(_evidence(sample.values, sample, test, rules, f"{a} − {b}"))
    return _weakest(found) if found else None


_TESTS: dict[str, Callable[[Hypothesis, pd.DataFrame, Rules], Evidence | None]] = {
    "higher": _differences,
    "not_lower": _differences,
    "trend": _trend,
    "equivalent": _equivalent,
}


def weigh(hypothesis: Hypothesis, frame: pd.DataFrame, rules: Rules) -> Evidence | None:
    """Test a hypothesis on the scores of one data set; None where a condition has none."""
    return _TESTS[hypothesis.test](hypothesis, select(frame, hypothesis.where), rules)
