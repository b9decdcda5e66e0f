"""The readings are ours where they say so, and the probes tell any two of them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from unifocal.conformance import probes
from unifocal.conformance.conventions import Combination, dimensions
from unifocal.conformance.reading import Activation, PixelReading, RegionReading, Shares
from unifocal.conformance.search import Fit, Question, differing, ours, table
from unifocal_spec import LOSSES, evaluate

KINDS: list[tuple[int, Activation]] = [(3, "softmax"), (2, "softmax"), (3, "sigmoid")]
NEAR = 3e-5
"""Three times the tolerance of a search."""


def question(loss: str, classes: int, activation: Activation, smooth: float | None) -> Question:
    return Question(loss, classes, activation, tuple(probes.HYPER[loss].items()), smooth)


def reference(q: Question, **keywords: Any) -> np.ndarray:
    """The definition itself on every probe."""
    stack = probes.make(q.classes)
    sigmoid = q.activation == "sigmoid"
    one_hot = np.moveaxis(np.eye(q.classes)[stack.labels], -1, 2)
    targets = one_hot if sigmoid else stack.labels
    given = {"activation": q.activation, **dict(q.hyper), **keywords}
    if q.smooth is not None:
        given.setdefault("smooth", q.smooth)
    values = (
        evaluate(LOSSES[q.loss], np, *call, **given)
        for call in zip(stack.logits, targets, strict=True)
    )
    return np.array([float(value) for value in values])


@pytest.mark.parametrize("smooth", [None, probes.SMOOTH])
@pytest.mark.parametrize(("classes", "activation"), KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_our_reading_is_the_definition(
    loss: str, classes: int, activation: Activation, smooth: float | None
) -> None:
    q = question(loss, classes, activation, smooth)
    np.testing.assert_allclose(ours(q), reference(q), rtol=1e-13)


def choices_with(q: Question, keywords: Mapping[str, Any]) -> Combination:
    """Our conventions, but for those that these options change."""
    return {
        d.name: next((c for c in d.choices if c.keywords == keywords), d.choices[0])
        for part in (Shares, PixelReading, RegionReading)
        for d in dimensions(q.loss, part, gives_smooth=False)
    }


@pytest.mark.parametrize("loss", LOSSES)
def test_a_choice_is_the_option_that_it_names(loss: str) -> None:
    q = question(loss, 3, "softmax", None)
    parts = (Shares, PixelReading, RegionReading)
    table_of = [d for part in parts for d in dimensions(loss, part, gives_smooth=False)]
    options = [choice.keywords for d in table_of for choice in d.choices if choice.keywords]
    assert options
    for keywords in options:
        fit = Fit(q, choices_with(q, keywords), (), 0.0, True)
        found = fit.predict(probes.make(3))
        np.testing.assert_allclose(found, reference(q, **keywords), rtol=1e-13)


def near_pairs(rows: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield the pairs of rows that agree everywhere: neighbours in the order of one column."""
    order = np.argsort(rows[:, 0])
    ordered = rows[order]
    for distance in range(1, len(rows)):
        a, b = ordered[distance:], ordered[:-distance]
        off = abs(a - b) / np.maximum(np.minimum(abs(a), abs(b)), 0.01)
        yield from (
            (order[i + distance], order[i]) for i in np.flatnonzero(off.max(axis=1) <= NEAR)
        )
        if (off[:, 0] > NEAR).all():
            return


def is_identity(a: Combination, b: Combination, activation: Activation) -> bool:
    """Whether two combinations of a region part give the same numbers by necessity."""
    differ = set(differing(a, b))
    if differ == {"smoothing"}:  # too small to show where no faint absent class counts
        return True
    if a["classes"].name.startswith("none") and activation == "softmax":
        return True  # over all classes Σ p = Σ t, so that FP = FN
    # The index of an absent class is 0 where nothing is added above.
    of_index = "Dice enters as" in a and a["Dice enters as"].name == "minus the index"
    return of_index and differ <= {"a class that the target lacks", "smoothing"}


@pytest.mark.parametrize("smooth", [None, probes.SMOOTH])
@pytest.mark.parametrize(("classes", "activation"), KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_probes_tell_any_two_conventions_apart(
    loss: str, classes: int, activation: Activation, smooth: float | None
) -> None:
    q = question(loss, classes, activation, smooth)
    assert list(near_pairs(table(q, Shares)[1])) == []
    assert list(near_pairs(table(q, PixelReading)[1])) == []
    combinations, rows = table(q, RegionReading)
    kept = np.flatnonzero(np.isfinite(rows).all(axis=1))
    alike = ((combinations[kept[i]], combinations[kept[j]]) for i, j in near_pairs(rows[kept]))
    assert [pair for pair in alike if not is_identity(*pair, activation)] == []


@pytest.mark.parametrize("classes", [2, 3])
def test_no_probability_is_where_implementations_clip(classes: int) -> None:
    for activation in ("softmax", "sigmoid"):
        p = probes.make(classes).probabilities(activation).p
        assert p.min() > 2e-7
