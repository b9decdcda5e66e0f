"""Metrics on masks small enough to count by hand, and their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the reproduction needs the extra 'benchmarks'")

from benchmarks.reproduce.metrics import Scores, average, estimate, scores

TRUTH = np.uint8([[1, 1, 1, 1, 0, 0, 0, 0]])
EMPTY = np.zeros_like(TRUTH)


def test_counts_by_hand() -> None:
    prediction = np.uint8([[1, 1, 1, 0, 1, 1, 0, 0]])  # 3 hits, 2 false positives, 1 miss
    assert scores(prediction, TRUTH) == Scores(6 / 9, 3 / 5, 3 / 4)


def test_a_miss_costs_recall_alone_and_a_false_positive_precision_alone() -> None:
    assert scores(np.uint8([[1, 1, 1, 0, 0, 0, 0, 0]]), TRUTH) == Scores(6 / 7, 1, 3 / 4)
    assert scores(np.uint8([[1, 1, 1, 1, 1, 0, 0, 0]]), TRUTH) == Scores(8 / 9, 4 / 5, 1)


def test_nothing_to_find_and_nothing_found_is_undefined_and_left_out() -> None:
    assert scores(EMPTY, EMPTY) is None
    assert average([None, Scores(0.5, 0.25, 1.0)]) == Scores(0.5, 0.25, 1.0)
    assert all(math.isnan(value) for value in average([None]))


@pytest.mark.parametrize(("prediction", "truth"), [(EMPTY, TRUTH), (TRUTH, EMPTY)])
def test_finding_nothing_or_nothing_to_find_scores_zero(prediction, truth) -> None:
    assert scores(prediction, truth) == Scores(0, 0, 0)


def test_the_interval_over_five_folds_is_the_papers() -> None:
    folds = [0.7, 0.8, 0.75, 0.72, 0.78]
    mean, ci95 = estimate(folds)
    assert mean == pytest.approx(0.75)
    # Student's t with 4 degrees of freedom, 97.5 %: 2.7764451
    assert ci95 == pytest.approx(2.7764451 * np.std(folds, ddof=1) / np.sqrt(5), rel=1e-7)


def test_one_fold_has_no_interval() -> None:
    assert str(estimate([0.5])) == "0.500"
    assert str(estimate([0.4, 0.6])) == "0.500 ± 1.271"
