"""Which combination of conventions gives a function's numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from unifocal.conformance import probes
from unifocal.conformance.conventions import (
    Choice,
    Combination,
    Dimension,
    Part,
    Setting,
    combinations,
    dimensions,
    read,
)
from unifocal.conformance.probes import Probes
from unifocal.conformance.reading import (
    Activation,
    Array,
    PixelReading,
    Probabilities,
    RegionReading,
    Shares,
    pixel_part,
    region_part,
)
from unifocal_spec import LOSSES

PREFIXES: dict[Part, str] = {PixelReading: "focal_", RegionReading: "tversky_", Shares: ""}
"""What `hybrid_focal` puts before the hyperparameters of its halves."""

FLOOR = 0.01
"""Below this size of a value, deviations are counted as absolute."""


def deviation(found: Array, wanted: Array) -> Array:
    """Return the largest relative deviation along the last axis; infinite where nan."""
    relative = abs(found - wanted) / np.maximum(abs(wanted), FLOOR)
    return np.asarray(np.nan_to_num(relative, nan=np.inf).max(axis=-1))


@dataclass(frozen=True)
class Finding:
    """How one dimension is settled."""

    dimension: str
    ours: str
    found: str
    keywords: Mapping[str, Any] = field(default_factory=dict)
    """The options with which our loss does the same, if it can."""
    alternatives: tuple[str, ...] = ()
    """Other choices that give the same numbers on every probe."""

    @property
    def departs(self) -> bool:
        """Whether it is not settled as ours is."""
        return self.found != self.ours


@dataclass(frozen=True)
class Question:
    """What the candidates of a search depend on."""

    loss: str
    classes: int
    activation: Activation
    hyper: tuple[tuple[str, Any], ...]
    """The hyperparameters given to the function; the others are our defaults."""
    smooth: float | None
    """`smooth`, where the function takes it."""

    def setting(self, part: Part) -> Setting:
        """Return what the conventions of a part depend on."""
        values = LOSSES[self.loss].defaults | dict(self.hyper)
        prefix = PREFIXES[part] if self.loss == "hybrid_focal" else ""
        hyper = {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}
        classes = 2 if self.activation == "sigmoid" else self.classes
        return Setting(hyper, classes, self.smooth)


@dataclass(frozen=True)
class Fit:
    """The combination of conventions nearest to some numbers."""

    question: Question
    combination: Combination
    findings: tuple[Finding, ...]
    deviation: float
    """The largest relative deviation from this combination."""
    fits: bool
    """Whether that is within the tolerance."""

    @property
    def activation(self) -> Activation:
        """What makes probabilities of logits, as far as the numbers tell."""
        return self.question.activation

    def predict(self, stack: Probes) -> Array:
        """Return what the combination gives on other probes."""
        data, share = stack.probabilities(self.activation), self._reading(Shares)
        total = np.zeros(len(data.p))
        if (pixel := self._reading(PixelReading)) is not None:
            total += share.pixel * pixel_part(data, pixel)
        if (region := self._reading(RegionReading)) is not None:
            total += share.region * region_part(data, region)
        return total

    def _reading(self, part: Part) -> Any:
        """The reading of one part; None where the loss lacks it."""
        table = dimensions(self.question.loss, part, self.question.smooth is not None)
        choices = {d.name: self.combination[d.name] for d in table}
        return read(part, choices, self.question.setting(part)) if choices else None


Table = tuple[list[Combination], Array]
"""Combinations, and for each a row of what it gives."""


@cache
def _probabilities(classes: int, activation: Activation) -> Probabilities:
    return probes.make(classes).probabilities(activation)


@cache
def table(question: Question, part: Part) -> Table:
    """Return what each combination of a part gives: on the probes, or shares (pixel, region)."""
    setting = question.setting(part)
    data = _probabilities(question.classes, question.activation)
    listed = list(
        combinations(
            question.loss,
            part,
            question.smooth is not None,
            setting.classes,
            question.activation == "sigmoid",
        )
    )
    if not listed:  # the loss lacks this part
        return [{}], np.zeros((1, len(data.p)))
    readings = [read(part, combination, setting) for combination in listed]
    with np.errstate(all="ignore"):  # a reading may have no value somewhere: then it does not fit
        if part is Shares:
            rows = [np.array([reading.pixel, reading.region]) for reading in readings]
        else:
            evaluate: Any = pixel_part if part is PixelReading else region_part
            rows = [evaluate(data, reading) for reading in readings]
    return listed, np.stack(rows)


def ours(question: Question) -> Array:
    """Return what our conventions give on the probes."""
    pixel, region = (table(question, part)[1][0] for part in (PixelReading, RegionReading))
    share = table(question, Shares)[1][0]
    return np.asarray(share[0] * pixel + share[1] * region)


def _rows(question: Question, values: Array) -> Iterator[tuple[int, int, Array]]:
    """Yield, for each pixel reading and each share, how far every region reading is off."""
    pixel, region, shares = (
        table(question, part)[1] for part in (PixelReading, RegionReading, Shares)
    )
    for (i, a), (j, b) in itertools.product(enumerate(shares), enumerate(pixel)):
        with np.errstate(all="ignore"):
            yield i, j, deviation(a[0] * b + a[1] * region, values)


Place = tuple[int, int, int]
"""Indices of a combination: share, pixel part, region part."""


def _chosen(question: Question, place: Place) -> Combination:
    parts = (Shares, PixelReading, RegionReading)
    merged: Combination = {}
    for part, index in zip(parts, place, strict=True):
        merged |= table(question, part)[0][index]
    return merged


def _open(question: Question) -> list[Dimension]:
    """Return the dimensions that leave a choice."""
    parts: tuple[Part, ...] = (Shares, PixelReading, RegionReading)
    smooth = question.smooth is not None
    every = (d for part in parts for d in dimensions(question.loss, part, smooth))
    return [d for d in every if len(d.choices) > 1]


def differing(a: Combination, b: Combination) -> list[str]:
    """Return the dimensions that two combinations settle differently."""
    return [name for name in a if a[name] is not b[name]]


def _finding(dimension: Dimension, found: Choice, others: list[str]) -> Finding:
    ours = dimension.choices[0].name
    return Finding(dimension.name, ours, found.name, found.keywords, tuple(others))


def search(question: Question, values: Array, tolerance: float) -> Fit:
    """Return the combination with the fewest departures that fits, or else the nearest one."""
    settled = _open(question)
    fitting: list[tuple[Place, float]] = []
    nearest: tuple[Place, float] = ((0, 0, 0), np.inf)
    for i, j, off in _rows(question, values):
        k = int(off.argmin())
        if off[k] < nearest[1]:
            nearest = (i, j, k), float(off[k])
        fitting += [((i, j, int(k)), float(off[k])) for k in np.flatnonzero(off <= tolerance)]

    def rank(candidate: tuple[Place, float]) -> tuple[int, int, float]:
        chosen = _chosen(question, candidate[0])
        places = [d.choices.index(chosen[d.name]) for d in settled]
        return sum(place > 0 for place in places), sum(places), candidate[1]

    place, least = min(fitting, key=rank, default=nearest)
    chosen = _chosen(question, place)
    others: dict[str, list[str]] = {d.name: [] for d in settled}
    for candidate, _ in fitting:
        other = _chosen(question, candidate)
        if len(names := differing(chosen, other)) == 1:
            others[names[0]].append(other[names[0]].name)
    return Fit(
        findings=tuple(_finding(d, chosen[d.name], others[d.name]) for d in settled),
        question=question,
        combination=chosen,
        deviation=least,
        fits=bool(fitting),
    )
