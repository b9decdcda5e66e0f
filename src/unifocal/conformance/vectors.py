"""A foreign implementation held to the golden vectors that its signature can ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unifocal.certificate.golden import Golden
from unifocal.conformance.foreign import (
    ConformanceError,
    Feed,
    Implementation,
    accepted,
    call,
    raised,
    shaped,
)
from unifocal.conformance.reading import Activation, Array
from unifocal.conformance.search import FLOOR, Finding, deviation
from unifocal_spec import LOSSES, OPTIONS, evaluate

_ASKED_BY_FEEDING = ("axis", "activation")


@dataclass(frozen=True)
class GoldenResult:
    """What a function makes of one golden vector."""

    name: str
    outcome: str
    """"passed", "failed" or "not asked"."""
    detail: str = ""
    explained: bool = False
    """Whether the conventions found are why it failed, as far as our options can tell."""


def _arrays(vector: Golden, feed: Feed) -> tuple[Array, Array]:
    """Return the arrays of a golden vector in the form of the feed."""
    axis = vector.keywords["axis"]
    logits, target = np.moveaxis(vector.logits, axis, 1), vector.target
    if target.ndim == logits.ndim:
        target = np.moveaxis(target, axis, 1)
    if vector.keywords["activation"] == "none" and feed.input == "probabilities":
        logits = np.log(logits)  # `shaped` takes the softmax
    return shaped(feed, logits, target)


def _value_detail(found: float, wanted: float, tolerance: float) -> str:
    if deviation(np.array([found]), np.array([wanted])) <= tolerance:
        return ""
    return f"{found:.6g} instead of {wanted:.6g}"


def _gradient_detail(found: Array, wanted: Array, tolerance: float) -> str:
    largest, off = abs(wanted).max(), abs(found - wanted).max()
    if off <= tolerance * max(largest, FLOOR):
        return ""
    return f"gradient off by {off:.2g}, its largest entry is {largest:.2g}"


@dataclass(frozen=True)
class Asking:
    """How a function is asked for golden vectors."""

    function: Implementation
    feed: Feed
    activation: Activation
    """What it makes probabilities with, if it takes logits."""
    departures: list[Finding]
    """Where it departs, besides in what it is fed."""
    tolerance: float

    def hold(self, vector: Golden) -> GoldenResult:
        """Ask for one vector and compare."""
        try:
            keywords = self._keywords(vector)
            arrays = _arrays(vector, self.feed)
        except ConformanceError as error:
            return GoldenResult(vector.name, "not asked", str(error))
        try:
            value, gradient = call(self.function, arrays, keywords)
        except Exception as error:  # whatever a stranger raises
            return GoldenResult(vector.name, "not asked", raised(error))
        detail = _value_detail(value, float(vector.value), self.tolerance)
        if not detail and gradient is not None and self.feed.input == "logits":
            axes = vector.keywords["axis"], self.feed.axis
            wanted = np.moveaxis(vector.gradient.astype(float), *axes)
            detail = _gradient_detail(gradient, wanted, self.tolerance)
        if not detail:
            return GoldenResult(vector.name, "passed")
        return GoldenResult(vector.name, "failed", detail, self._explained(vector, value))

    def _keywords(self, vector: Golden) -> dict[str, Any]:
        """Return the keywords that ask for a vector, or complain that it cannot be asked."""
        takes = accepted(self.function)
        defaults = OPTIONS | LOSSES[vector.loss].defaults
        keywords = takes.axis(self.feed) | self._activation(vector.keywords["activation"])
        for name, value in vector.keywords.items():
            if name in _ASKED_BY_FEEDING:
                continue
            if name in (takes.named if name in OPTIONS else takes):
                keywords[name] = value
            elif value != defaults[name]:
                raise ConformanceError(f"takes no {name}")
        if vector.weight is not None:
            if "weight" not in takes.named:
                raise ConformanceError("takes no weight")
            keywords["weight"] = vector.weight
        return keywords

    def _activation(self, wanted: str) -> dict[str, Any]:
        if self.feed.input == "logits" and "activation" in accepted(self.function).named:
            return {"activation": wanted}
        possible = {self.activation} if self.feed.input == "logits" else {"softmax", "none"}
        if wanted not in possible:
            raise ConformanceError(f'activation is not "{wanted}"')
        if wanted == "sigmoid" and self.feed.targets == ("index",):
            raise ConformanceError("its class indices name a channel")
        return {}

    def _explained(self, vector: Golden, value: float) -> bool:
        """Whether the departures are why a value is not the golden one.

        That can be told where our options can follow all of them, and is taken for granted
        elsewhere.
        """
        if not self.departures or not all(finding.keywords for finding in self.departures):
            return bool(self.departures)
        options = {k: v for finding in self.departures for k, v in finding.keywords.items()}
        ours = evaluate(
            LOSSES[vector.loss],
            np,
            vector.logits,
            vector.target,
            weight=vector.weight,
            **vector.keywords | options,
        )
        return not _value_detail(value, float(ours), self.tolerance)
