"""The grid is what the paper did, and its jobs have names."""

from __future__ import annotations

import json
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

pytest.importorskip("yaml", reason="the reproduction needs the extra 'benchmarks'")
pytest.importorskip("skimage", reason="the reproduction needs the extra 'benchmarks'")

import benchmarks
from benchmarks.reproduce.experiments import grid
from benchmarks.reproduce.inputs.preprocess import Preprocessing
from benchmarks.reproduce.losses import TITLES
from benchmarks.reproduce.settings import Settings

PAPER = Path(benchmarks.__file__).parent / "paper" / "tables.json"
DATA = ("bus", "brats", "kits19")
SEVEN = ["focal", "dice", "tversky", "focal_tversky", "combo", "hybrid_focal", "unified_focal"]


def paper() -> list[grid.Planned]:
    return grid.plan("paper", DATA)


def test_table_2_has_its_thirty_settings_in_five_folds() -> None:
    names = {"delta": "delta", "gamma": "gamma", "lambda": "lam"}
    printed = set()
    for swept, sweep in json.loads(PAPER.read_text("utf-8"))["table2"]["sweeps"].items():
        for row in sweep["rows"]:
            point = sweep["fixed"] | {swept: row[swept]}
            printed.add(tuple(sorted((names[name], value) for name, value in point.items())))
    sweeps = [p.job for p in paper() if "sweep" in p.experiments]
    ours = Counter(tuple(job.hyperparameters.items()) for job in sweeps)
    assert ours == dict.fromkeys(printed, 5)  # δ = 0.6, γ = 0.2, λ = 0.5 once, from two sweeps
    experiments = grid.grid()["experiments"]
    assert [len(experiments[n]["vary"][v]) for n, v in names.items()] == [9, 10, 11]


@pytest.mark.parametrize("data", DATA)
def test_tables_3_to_5_have_the_seven_losses_and_cross_entropy(data: str) -> None:
    jobs = [p.job for p in paper() if p.job.dataset == data and p.experiments[0] == "comparison"]
    found = {(job.loss, job.fold) for job in jobs}
    assert found == {(loss, fold) for loss in ["cross_entropy", *SEVEN] for fold in range(5)}


def settings(data: str) -> Settings:
    return next(p.settings for p in paper() if p.job.dataset == data)


def test_the_papers_protocol() -> None:
    bus, brats, kits = map(settings, DATA)
    assert (bus.shape, bus.batch, bus.epochs, bus.overlap) == ((128, 128), 32, 100, None)
    assert (bus.optimiser, bus.learning_rate, bus.momentum) == ("sgd", 0.01, 0.99)
    assert bus.schedule == "poly"
    assert (brats.shape, brats.overlap) == ((96, 96, 96), (48, 48, 48))
    assert (brats.batch, brats.epochs) == (2, 400)
    assert (kits.shape, kits.overlap) == ((80, 160, 160), (40, 80, 80))
    assert (kits.batch, kits.epochs) == (2, 500)
    for volume in (brats, kits):
        assert (volume.optimiser, volume.learning_rate) == ("adam", 3e-4)
        assert (volume.schedule, volume.minimum_rate) == ("plateau", 1e-6)
    for each in (bus, brats, kits):
        assert each.augment
        assert (each.architecture, each.filters, each.depth) == ("miscnn", 32, 4)
        assert each.batch_norm_momentum == 0.99
    assert grid.source("paper", "bus").preprocessing == Preprocessing(shape=(128, 128))
    assert grid.source("paper", "brats").preprocessing == Preprocessing()
    assert grid.source("paper", "kits19").preprocessing == Preprocessing(
        spacing=(3.22, 1.62, 1.62), clip=(-79, 304)
    )


def test_deep_supervision_is_trained_for_a_thousand_epochs_by_sgd() -> None:
    heads = [p for p in paper() if p.experiments[0] == "deep_supervision"]
    assert {p.job.dataset for p in heads} == set(DATA)
    assert {p.job.deep_supervision for p in heads} == {"paper", "nnunet"}
    assert {(p.settings.optimiser, p.settings.epochs) for p in heads} == {("sgd", 1000)}
    assert {p.settings.learning_rate for p in heads} == {0.01}


@pytest.mark.parametrize("profile", grid.profiles())
def test_every_profile_has_jobs_with_names_of_their_own(profile: str) -> None:
    planned = grid.plan(profile, tuple(grid.grid()["data"]))
    names = [p.job.name for p in planned]
    assert planned
    assert len(set(names)) == len(names)
    assert not any(set(name) & set('/\\:*?"<>| ') for name in names)
    assert {p.job.loss for p in planned} <= TITLES.keys()


def test_images_that_are_given_take_the_place_of_phantoms() -> None:
    assert {p.job.dataset for p in grid.plan("quick")} == {"bus-phantoms"}
    assert {p.job.dataset for p in grid.plan("quick", ("bus",))} == {"bus"}
    assert grid.missing("quick", ()) == []
    assert grid.missing("paper", ("bus",)) == ["brats", "kits19"]


def test_backends_are_compared_over_folds_and_seeds_of_their_own() -> None:
    jobs = [p.job for p in grid.plan("hour", seed=7) if "backends" in p.experiments]
    found = Counter((job.fold, job.seed) for job in jobs)
    assert found == dict.fromkeys(product(range(5), (1, 2, 3, 4)), 3)
    assert {job.backend for job in jobs} == {"torch", "tensorflow", "jax"}


def test_a_backend_is_compared_on_what_another_experiment_trains_too() -> None:
    planned = grid.plan("hour", ("hippocampus",))
    found = [p for p in planned if p.job.dataset == "hippocampus" and "backends" in p.experiments]
    assert Counter(p.job.fold for p in found) == dict.fromkeys(range(5), 3)
    both = ("comparison", "backends")
    assert {p.experiments for p in found if p.job.fold == 0} == {both}


def test_a_user_may_change_and_choose() -> None:
    (planned,) = grid.plan(
        "quick", backend="jax", losses=["dice"], seed=3, overrides={"epochs": 2, "filters": 4}
    )
    assert planned.job.name == "bus-phantoms-dice-adam-fold0-seed3-jax"
    assert (planned.settings.epochs, planned.settings.filters, planned.settings.seed) == (2, 4, 3)
    assert planned.record["experiment"] == "comparison"


def test_the_cost_of_a_small_network_by_hand() -> None:
    (planned,) = grid.plan("quick", losses=["dice"], overrides={"filters": 1, "depth": 1})
    pixels = 64 * 64
    down = 9 * (1 + 1) * pixels  # 1 to 1 to 1 channels
    middle = 9 * (1 * 2 + 2 * 2) * pixels / 4
    up = 2 * 2 * 1 / 2 * pixels + 9 * (2 * 1 + 1 * 1) * pixels  # transposed, then 2 to 1 to 1
    head = 2 * pixels
    steps, batch, epochs = 104 // 8, 8, 20
    wanted = 3 * (down + middle + up + head) * steps * batch * epochs
    assert grid.multiply_adds(planned.settings, 2, 104) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": 7}, "shape must have multiples of 128 at depth 7"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"learning_rate": -1}, "learning_rate must be positive, got -1"),
        ({"momentum": 1}, r"momentum must be in \[0, 1\), got 1"),
        ({"precision": "half"}, "precision must be one of float32, mixed_float16"),
        ({"overlap": [64, 0]}, "overlap must be shorter than shape"),
    ],
)
def test_settings_that_mean_nothing_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grid.plan("quick", overrides=change)
