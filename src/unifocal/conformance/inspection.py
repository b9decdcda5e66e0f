"""What a foreign implementation computes: its conventions, and the golden vectors it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unifocal.certificate import golden
from unifocal.conformance import probes
from unifocal.conformance.foreign import (
    Accepted,
    ConformanceError,
    Feed,
    Implementation,
    accepted,
    call,
    feeds,
    raised,
    shaped,
)
from unifocal.conformance.reading import Activation, Array
from unifocal.conformance.search import Finding, Fit, Question, deviation, search
from unifocal.conformance.vectors import Asking, GoldenResult
from unifocal_spec import LOSSES

TOLERANCE = 1e-5
"""What a computation in float32 reaches, and far less than what any convention changes."""

_CLASS_COUNTS = (3, 2)
_SAME = 1e-7
"""Answers nearer than this differ by rounding alone."""


@dataclass(frozen=True)
class Report:
    """What an implementation computes."""

    function: str
    loss: str
    feed: Feed
    findings: tuple[Finding, ...]
    fits: bool
    """Whether the conventions found give the function's numbers; otherwise they are the nearest."""
    deviation: float
    """The largest relative deviation of the function from the conventions found."""
    golden: tuple[GoldenResult, ...]

    def count(self, outcome: str) -> int:
        """Return how many golden vectors have this outcome."""
        return sum(result.outcome == outcome for result in self.golden)

    @property
    def departures(self) -> tuple[Finding, ...]:
        """What is not as ours."""
        return tuple(finding for finding in self.findings if finding.departs)

    @property
    def unexplained(self) -> tuple[GoldenResult, ...]:
        """The golden vectors that failed although the conventions found would give them."""
        return tuple(g for g in self.golden if g.outcome == "failed" and not g.explained)

    @property
    def conforms(self) -> bool:
        """Whether every number is ours, on the probes and on all golden vectors asked."""
        return self.fits and not self.departures and not self.count("failed")


@dataclass(frozen=True)
class _Answer:
    """What a function returns for the probes, in one form of feeding it."""

    feed: Feed
    classes: int
    values: Array


def _probe_keywords(loss: str, takes: Accepted, feed: Feed) -> dict[str, Any]:
    keywords = {k: v for k, v in probes.HYPER[loss].items() if k in takes}
    if "smooth" in takes.named:
        keywords["smooth"] = probes.SMOOTH
    return keywords | takes.axis(feed)


def _answers(
    function: Implementation, loss: str, classes: int, ways: list[Feed], errors: dict[str, Feed]
) -> list[_Answer]:
    """Return the answers that are numbers, none of them twice; note why the others are not."""
    takes, stack = accepted(function), probes.make(classes)
    answers: list[_Answer] = []
    for feed in ways:
        keywords = _probe_keywords(loss, takes, feed)
        try:
            values = np.array(
                [
                    call(function, shaped(feed, *arrays), keywords)[0]
                    for arrays in zip(stack.logits, stack.labels, strict=True)
                ]
            )
        except ConformanceError as error:
            errors.setdefault(str(error), feed)
        except Exception as error:  # whatever a stranger raises
            errors.setdefault(raised(error), feed)
        else:
            _add(answers, _Answer(feed, classes, values))
    return answers


def _add(answers: list[_Answer], new: _Answer) -> None:
    """Add an answer, unless it is one with another form of targets, or of another axis."""
    for i, old in enumerate(answers):
        if np.allclose(old.values, new.values, rtol=_SAME, atol=_SAME):
            if replace(old.feed, targets=()) == replace(new.feed, targets=()):
                targets = old.feed.targets + new.feed.targets
                answers[i] = replace(old, feed=replace(old.feed, targets=targets))
            return
    answers.append(new)


def _fits(loss: str, takes: Accepted, answers: list[_Answer], tolerance: float) -> Iterator[Any]:
    """Yield answer and fit for every reading of every answer, softmax before sigmoid."""
    hyper = tuple((k, v) for k, v in probes.HYPER[loss].items() if k in takes)
    smooth = probes.SMOOTH if "smooth" in takes.named else None
    activations: tuple[Activation, ...] = ("softmax", "sigmoid")
    for activation in activations:
        for answer in answers:
            if activation == "softmax" or answer.feed.input == "logits":
                question = Question(loss, answer.classes, activation, hyper, smooth)
                yield answer, search(question, answer.values, tolerance)


def _saturation(function: Implementation, answer: _Answer, fit: Fit, tolerance: float) -> Finding:
    """Compare the function with its own conventions where the prediction is certain."""
    stack = probes.saturated(answer.classes)
    keywords = _probe_keywords(fit.question.loss, accepted(function), answer.feed)
    wanted = float(fit.predict(stack)[0])
    arrays = shaped(answer.feed, stack.logits[0], stack.labels[0])
    try:
        found = call(function, arrays, keywords)[0]
    except Exception as error:  # whatever a stranger raises
        return Finding("logits of ±20", "exact", raised(error))
    exact = deviation(np.array([found]), np.array([wanted])) <= tolerance
    said = "exact" if exact else f"{found:.4g} instead of {wanted:.4g}"
    return Finding("logits of ±20", "exact", said)


def _all_findings(answer: _Answer, fit: Fit) -> tuple[Finding, ...]:
    """Add what is settled by the way of calling."""
    said = answer.feed.input
    by_option = {"logits": {}, "probabilities": {"activation": "none"}}[said]
    activation = "sigmoid per channel" if fit.activation == "sigmoid" else "softmax"
    of_sigmoid = {"activation": "sigmoid"} if fit.activation == "sigmoid" else {}
    count = "any" if answer.classes == _CLASS_COUNTS[0] else "2 alone"
    around = [Finding("input", "logits", said, by_option)]
    if said == "logits":
        around.append(Finding("activation", "softmax", activation, of_sigmoid))
    around.append(Finding("number of classes", "any", count))
    return (*around, *fit.findings)


def _best(candidates: list[tuple[_Answer, Fit]]) -> tuple[_Answer, Fit]:
    def rank(candidate: tuple[_Answer, Fit]) -> tuple[bool, int, float]:
        departures = sum(f.departs for f in _all_findings(*candidate))
        return not candidate[1].fits, departures if candidate[1].fits else 0, candidate[1].deviation

    return min(candidates, key=rank)


def _conventions(
    function: Implementation, loss: str, ways: list[Feed], tolerance: float
) -> tuple[_Answer, Fit]:
    """Return the form of feeding and the conventions that explain the function best."""
    takes, errors = accepted(function), [dict[str, Feed]() for _ in _CLASS_COUNTS]
    nearest: list[tuple[_Answer, Fit]] = []
    for classes, told in zip(_CLASS_COUNTS, errors, strict=True):
        answers = _answers(function, loss, classes, ways, told)
        found: list[tuple[_Answer, Fit]] = []
        for answer, fit in _fits(loss, takes, answers, tolerance):
            if fit.activation == "sigmoid" and any(earlier.fits for _, earlier in found):
                break
            found.append((answer, fit))
        if any(fit.fits for _, fit in found):
            return _best(found)
        nearest = nearest or found
    if not nearest:
        reasons = "".join(f"\n  with {feed}: {error}" for error, feed in errors[0].items())
        raise ConformanceError(f"no way of calling the function gives a number{reasons}")
    return _best(nearest)


def inspect(
    function: Implementation,
    loss: str,
    *,
    name: str | None = None,
    axis: int | None = None,
    input: str | None = None,
    target: str | None = None,
    tolerance: float = TOLERANCE,
) -> Report:
    """Find out what a function of (logits, target, **hyperparameters) on NumPy arrays computes.

    It returns a number, or a number and its gradient by the logits. Hyperparameters and options go
    by our names; it need not take all of them. Where `axis`, `input` ("logits", "probabilities") or
    `target` ("index", "one-hot") is None, every way is tried.
    """
    if loss not in LOSSES:
        raise ConformanceError(f"loss must be one of {list(LOSSES)}, got {loss!r}")
    answer, fit = _conventions(function, loss, list(feeds(axis, input, target)), tolerance)
    findings = _all_findings(answer, fit)
    departures = [
        finding for finding in findings if finding.departs and finding.dimension != "input"
    ]
    if fit.fits:
        findings = (*findings, _saturation(function, answer, fit, tolerance))
    asking = Asking(function, answer.feed, fit.activation, departures, tolerance)
    return Report(
        function=name or str(getattr(function, "__name__", function)),
        loss=loss,
        feed=answer.feed,
        findings=findings,
        fits=fit.fits,
        deviation=fit.deviation,
        golden=tuple(map(asking.hold, golden.load(loss))),
    )
