"""Verdicts on made-up jobs whose effects are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("scipy", reason="the reproduction needs the extra 'benchmarks'")
pytest.importorskip("pandas", reason="the reproduction needs the extra 'benchmarks'")
pytest.importorskip("yaml", reason="the reproduction needs the extra 'benchmarks'")

from benchmarks.reproduce.hypotheses import Verdict, judge, load, observations, registered
from tests.benchmarks import synthetic_jobs as jobs
from tests.benchmarks.synthetic_jobs import SEVEN, condition, everywhere, flat

RULES, HYPOTHESES = registered()
BY_ID = {hypothesis.id: hypothesis for hypothesis in HYPOTHESES}


def verdict(name: str, conditions: list[Any], level: jobs.Level, noise: float = 0.01) -> Verdict:
    frame = observations([jobs.job(c, level, noise) for c in conditions])
    (found,) = judge(frame, [BY_ID[name]], RULES)
    return found


def by_loss(**dsc: float) -> jobs.Level:
    return lambda c: flat(dsc.get(c["loss"], 0.75))


def sweep(over: str, values: tuple[float, ...], **fixed: float) -> list[Any]:
    defaults = {"delta": 0.6, "gamma": 0.2, "lam": 0.5}
    settings = [fixed | {over: value} for value in values]
    return [
        condition(
            "unified_focal",
            experiment="sweep",
            hyperparameters={k: v for k, v in s.items() if v != defaults[k]},
        )
        for s in settings
    ]


def test_ids_and_statements_are_unique_and_the_rules_are_the_protocol_s() -> None:
    assert len(BY_ID) == len(HYPOTHESES)
    assert len({h.statement for h in HYPOTHESES}) == len(HYPOTHESES)
    assert RULES == (0.05, 0.8, 0.02)


@pytest.mark.parametrize(
    ("focal", "expected"), [(0.55, "supported"), (0.85, "contradicted"), (0.75, "not resolved")]
)
def test_focal_lowest(focal: float, expected: str) -> None:
    found = verdict(
        "focal-lowest-dsc", everywhere(condition(x) for x in SEVEN), by_loss(focal=focal)
    )
    assert found.verdict == expected
    assert found.evidence.n == 5
    assert found.evidence.unit == "folds"
    assert found.evidence.estimate == pytest.approx(0.75 - focal, abs=0.02)


def test_one_loss_as_low_as_focal_leaves_lowest_unresolved() -> None:
    found = verdict(
        "focal-lowest-dsc",
        everywhere(condition(x) for x in SEVEN),
        by_loss(focal=0.55, combo=0.55),
    )
    assert found.verdict == "not resolved"
    assert found.evidence.about.startswith("combo")


def test_a_missing_loss_is_no_data() -> None:
    found = verdict("focal-lowest-dsc", everywhere(condition(x) for x in SEVEN[:-1]), by_loss())
    assert found.verdict == "no data"
    assert found.evidence is None


@pytest.mark.parametrize(
    ("unified", "expected"),
    [(0.80, "supported"), (0.75, "supported"), (0.70, "contradicted"), (0.73, "not resolved")],
)
def test_not_lower_is_not_lower_by_the_margin(unified: float, expected: str) -> None:
    conditions = everywhere(condition(x) for x in ("unified_focal", "dice"))
    found = verdict("unified-not-below-dice", conditions, by_loss(unified_focal=unified))
    assert found.verdict == expected


def test_with_fewer_than_three_folds_a_case_is_an_observation() -> None:
    conditions = everywhere((condition(x) for x in ("dice", "tversky")), folds=2)
    found = verdict(
        "tversky-gains-recall",
        conditions,
        lambda c: flat(recall={"dice": 0.6, "tversky": 0.7}[c["loss"]]),
    )
    assert (found.evidence.n, found.evidence.unit) == (2 * jobs.CASES, "cases")
    assert found.verdict == "supported"
    low, high = found.evidence.interval
    assert low < 0.1 < high


def test_backends_are_paired_and_add_no_observations() -> None:
    conditions = everywhere(
        (condition(x) for x in ("dice", "tversky")), folds=1, backends=("torch", "jax")
    )
    level = {"torch": 0.5, "jax": 0.3}  # a difference of backends must not touch that of losses
    found = verdict(
        "tversky-gains-recall",
        conditions[:-1],  # jax has no tversky: its dice is left out
        lambda c: flat(recall=level[c["backend"]] + 0.1 * (c["loss"] == "tversky")),
    )
    assert found.evidence.n == jobs.CASES
    assert found.evidence.estimate == pytest.approx(0.1, abs=0.015)


@pytest.mark.parametrize(
    ("slope", "expected"), [(0.3, "supported"), (-0.3, "contradicted"), (0, "not resolved")]
)
def test_trend_over_delta(slope: float, expected: str) -> None:
    conditions = everywhere(sweep("delta", (0.1, 0.3, 0.5, 0.7, 0.9), gamma=0.0, lam=0.5))
    found = verdict(
        "delta-raises-recall",
        conditions,
        lambda c: flat(recall=0.5 + slope * c["hyperparameters"].get("delta", 0.6)),
        noise=0.05,
    )
    assert found.verdict == expected
    assert found.evidence.estimate == pytest.approx(slope, abs=0.06)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ((0.5, 0.8, 0.6), "supported"),
        ((0.8, 0.7, 0.6), "contradicted"),
        ((0.6, 0.8, 0.8), "not resolved"),
    ],
)
def test_an_interior_optimum_beats_both_ends(at: tuple[float, ...], expected: str) -> None:
    dsc = dict(zip((0.0, 0.5, 1.0), at, strict=True))
    found = verdict(
        "lambda-interior",
        everywhere(sweep("lam", (0.0, 0.5, 1.0), delta=0.6, gamma=0.2)),
        lambda c: flat(dsc[c["hyperparameters"].get("lam", 0.5)]),
    )
    assert found.verdict == expected


def test_gamma_zero_comes_from_the_sweep_over_delta() -> None:
    conditions = everywhere(sweep("gamma", (0.0, 0.2), delta=0.6, lam=0.5))
    found = verdict(
        "gamma-not-below-zero",
        conditions,
        lambda c: flat(0.8 - 0.1 * (c["hyperparameters"].get("gamma") == 0)),
    )
    assert found.verdict == "supported"
    assert found.evidence.estimate == pytest.approx(0.1, abs=0.02)


def test_the_deficit_under_one_optimiser_less_that_under_the_other() -> None:
    conditions = [condition(x) for x in ("focal", "dice")]
    conditions += [c | {"optimiser": "adam", "experiment": "optimiser"} for c in conditions]
    deficit = {"sgd": 0.3, "adam": 0.05}
    found = verdict(
        "focal-deficit-shrinks",
        everywhere(conditions),
        lambda c: flat(0.75 - deficit[c["optimiser"]] * (c["loss"] == "focal")),
    )
    assert found.verdict == "supported"
    assert found.evidence.estimate == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("shift", "expected"), [(0, "supported"), (0.1, "contradicted"), (0.02, "not resolved")]
)
def test_equivalence_of_backends(shift: float, expected: str) -> None:
    conditions = everywhere([condition("dice")], backends=("torch", "jax", "tensorflow"))
    found = verdict(
        "backends-equivalent", conditions, lambda c: flat(0.75 - shift * (c["backend"] == "jax"))
    )
    assert found.verdict == expected


def test_no_jobs_are_no_data() -> None:
    verdicts = judge(observations([]), HYPOTHESES, RULES)
    assert [v.verdict for v in verdicts] == ["no data"] * len(HYPOTHESES)


def test_a_family_s_data_sets_are_corrected_together() -> None:
    conditions = [condition(x) for x in ("dice", "tversky")]
    conditions += [c | {"dataset": "kits19-phantoms"} for c in conditions]
    frame = observations(
        [
            jobs.job(c, lambda c: flat(recall=0.7 + 0.004 * (c["loss"] == "tversky")))
            for c in everywhere(conditions)
        ]
    )
    found = judge(frame, [BY_ID["tversky-gains-recall"]], RULES)
    assert [v.dataset for v in found] == ["bus-phantoms", "kits19-phantoms"]
    raw = sorted(v.evidence.directions.p for v in found)
    assert sorted(v.p for v in found) == pytest.approx(
        [min(1, 2 * raw[0]), min(1, max(2 * raw[0], raw[1]))]
    )


def test_what_could_not_be_scored_is_left_out(tmp_path: Path) -> None:
    one = jobs.job(condition("dice"), by_loss())
    case = next(iter(one["cases"]))
    one["cases"][case]["lesion"] = None
    jobs.write(tmp_path, [one])
    frame = observations(load(tmp_path))
    assert len(frame) == jobs.CASES
    assert frame["dsc"].isna().sum() == 1
