"""Tests and corrections against what can be counted by hand or read in a book."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the reproduction needs the extra 'benchmarks'")

from scipy import stats

from benchmarks.reproduce.hypotheses.statistics import (
    Directions,
    conjunction,
    detectable,
    equivalence,
    holm,
    interval,
    ranks,
    slopes,
    t_test,
    trend,
)

FIVE = np.array([1.0, 2.0, 3.0, 4.0, 5.0])


def test_the_interval_over_five_folds_is_the_paper_s() -> None:
    low, high = interval(FIVE)
    assert low + high == pytest.approx(6)
    assert (high - low) / 2 == pytest.approx(1.2415 * np.std(FIVE, ddof=1), rel=1e-3)


def test_t_by_hand() -> None:
    # One degree of freedom is Cauchy's: P(T > t) = 1/2 - atan(t) / pi; here t = 2 / 1.
    test = t_test(np.array([1.0, 3.0]))
    assert test.favour == pytest.approx(0.5 - np.arctan(2) / np.pi)
    assert test.against == pytest.approx(0.5 + np.arctan(2) / np.pi)


def test_the_sign_turns_the_directions_around() -> None:
    one, other = t_test(FIVE, 1.0), t_test(-FIVE, -1.0)
    assert (one.favour, one.against) == pytest.approx((other.against, other.favour))


@pytest.mark.parametrize(("value", "expected"), [(1, (0, 1)), (-1, (1, 0)), (0, (1, 1))])
def test_no_spread_at_all_is_certain_of_all_but_the_null(value, expected) -> None:
    assert t_test(np.full(4, float(value))) == expected


def test_a_single_value_says_nothing() -> None:
    one = np.array([0.3])
    assert t_test(one).p == 1
    assert interval(one) is None
    assert detectable(one, 0.05, 0.8) is None


def test_tost_by_hand() -> None:
    # Mean 0 and standard error 1/2 with three values: t = 4 against either margin of 2, 2 d. f.,
    # where P(T > t) = 1/2 (1 - t / sqrt(t^2 + 2)).
    values = np.array([-1.0, 0.0, 1.0]) * np.sqrt(3) / 2
    test = equivalence(values, 2.0)
    assert test.favour == pytest.approx((1 - 4 / np.sqrt(18)) / 2)
    assert test.against == 1


def test_tost_within_the_margin_is_the_interval_within_it() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        values = generator.normal(generator.uniform(-0.03, 0.03), 0.01, 6)
        low, high = interval(values)
        test = equivalence(values, 0.02)
        assert (2 * test.favour < 0.05) == (low > -0.02 and high < 0.02)


def test_far_outside_the_margin_is_not_equivalent() -> None:
    test = equivalence(FIVE, 0.02)
    assert test.against < 0.02 < test.favour


def test_holm_by_hand() -> None:
    # Sorted .005, .01, .03, .04 times 4, 3, 2, 1 is .02, .03, .06, .04, and the last may not fall.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


def test_a_conjunction_is_as_weak_as_its_weakest_part() -> None:
    both = conjunction([Directions(0.01, 0.99), Directions(0.2, 0.8)])
    assert both == (0.2, 1.0)
    assert conjunction([Directions(0.999, 0.001), Directions(0.2, 0.8)]).against == 0.002


def test_page_s_own_kind_of_example() -> None:
    # Perfect agreement of m rows of 3: L = 14 m is reached by one of 6^m outcomes.
    rows = np.tile([1.0, 2.0, 3.0], (4, 1))
    rising = trend(rows, rising=True)
    assert rising.favour == pytest.approx(6**-4)
    assert rising.against == pytest.approx(1)
    assert trend(rows, rising=False) == (rising.against, rising.favour)


def test_slopes_of_lines() -> None:
    levels = [0.1, 0.5, 0.9]
    rows = np.array([[2 * x + 1 for x in levels], [-3 * x for x in levels]])
    assert slopes(rows, levels) == pytest.approx([2, -3])


@pytest.mark.parametrize("n", [3, 5, 30])
def test_the_detectable_difference_is_found_with_its_power(n: int) -> None:
    generator = np.random.default_rng(n)
    shape = np.resize([-1.0, 1.0], n)
    shift = detectable(shape / np.std(shape, ddof=1), 0.05, 0.8)  # for a spread of 1
    draws = generator.normal(shift, 1, (20000, n))
    found = stats.ttest_1samp(draws, 0, axis=1, alternative="greater").pvalue < 0.025
    assert found.mean() == pytest.approx(0.8, abs=0.012)


def test_nemenyi_s_table() -> None:
    # Demšar (2006), table 5a: q = 2.343 for two to 2.949 for seven treatments at the 5 % level.
    for k, q in ((3, 2.343), (5, 2.728), (7, 2.949)):
        blocks = np.random.default_rng(0).normal(size=(10, k))
        assert ranks(blocks).critical == pytest.approx(q * np.sqrt(k * (k + 1) / 60), abs=1e-3)


def test_ranks_count_from_the_best_and_share_ties() -> None:
    found = ranks(np.array([[0.9, 0.5, 0.1], [0.8, 0.8, 0.1]]))
    assert found.means == pytest.approx([1.25, 1.75, 3])
    assert found.p == pytest.approx(stats.friedmanchisquare([9, 8], [5, 8], [1, 1]).pvalue)
