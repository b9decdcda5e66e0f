"""Metrics on masks small enough to count by hand, their intervals, and the verdicts on claims."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the reproduction needs the extra 'benchmarks'")

from benchmarks.reproduce.claims import CLAIMS, judge
from benchmarks.reproduce.losses import COMPARED
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


def random_scores(shift: float) -> dict[str, dict[str, Scores | None]]:
    """Twenty cases; every loss alike except Focal, which is lower by ``shift``."""
    rng = np.random.default_rng(0)
    values = {name: rng.normal(0.7, 0.01, (20, 3)) - shift * (name == "focal") for name in COMPARED}
    return {name: {str(i): Scores(*row) for i, row in enumerate(v)} for name, v in values.items()}


@pytest.mark.parametrize(
    ("shift", "expected"), [(0.3, "supported"), (-0.3, "contradicted"), (0.0, "undecided")]
)
def test_a_claim_can_fail(shift: float, expected: str) -> None:
    verdicts = {row["claim"]: row["verdict"] for row in judge(random_scores(shift))}
    assert verdicts["Region and compound losses beat Focal"] == expected
    assert len(verdicts) == len(CLAIMS)


def test_a_claim_about_losses_that_were_not_run_is_not_judged() -> None:
    some = {name: s for name, s in random_scores(0).items() if name in {"dice", "tversky"}}
    assert {row["claim"].split()[0] for row in judge(some)} == {"Tversky"}
