"""Schedules, heads and shares of time by hand; checkpoints come back as they were saved."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="the reproduction needs the extra 'benchmarks'")
pytest.importorskip("batchgenerators", reason="the reproduction needs the extra 'benchmarks'")

from benchmarks.reproduce.metrics import Scores, scores_per_class
from benchmarks.reproduce.training import checkpoint
from benchmarks.reproduce.training.agreement import Agreement, compare
from benchmarks.reproduce.training.schedules import plateau, poly, rate
from benchmarks.reproduce.training.supervision import head_weights, objective
from benchmarks.reproduce.training.timing import shares


def test_the_rate_falls_from_one_to_nearly_nothing() -> None:
    assert poly(0, 100) == 1
    assert poly(50, 100) == pytest.approx(0.5**0.9)
    assert poly(99, 100) == pytest.approx(0.01**0.9)


def test_a_plateau_divides_by_ten_and_stops_at_the_minimum() -> None:
    assert plateau([1.0, *[0.99995] * 9], patience=10) == 1
    assert plateau([1.0, *[0.99995] * 10], patience=10) == 0.1
    assert plateau([math.inf] * 20, patience=10) == pytest.approx(0.01)
    settings: Any = SimpleNamespace(schedule="plateau", learning_rate=3e-4, minimum_rate=1e-6)
    assert rate(settings, 40, [1.0] * 41) == 1e-6


def test_heads_weigh_as_printed_or_as_nnunet() -> None:
    assert head_weights("paper", 4) == [2**-1, 2**-4, 2**-16, 2**-64]
    assert head_weights("nnunet", 3) == pytest.approx([4 / 7, 2 / 7, 1 / 7])
    with pytest.raises(ValueError, match="deep_supervision must be"):
        head_weights("both", 2)


def test_every_head_has_the_labels_of_its_grid() -> None:
    labels = np.arange(16).reshape(1, 4, 4)
    heads = [np.zeros((1, 4, 4, 2)), np.zeros((1, 2, 2, 2))]
    # sums of the labels seen: 120, and 0 + 2 + 8 + 10
    total = objective(lambda y, z: y.sum(), "nnunet")(labels, heads)
    assert total == pytest.approx(120 * 2 / 3 + 20 / 3)


def test_every_class_but_the_background_is_scored() -> None:
    truth, prediction = np.uint8([[0, 1, 1, 2]]), np.uint8([[0, 1, 2, 2]])
    assert scores_per_class(prediction, truth, ("background", "a", "b", "c")) == {
        "a": Scores(2 / 3, 1, 1 / 2),
        "b": Scores(2 / 3, 1 / 2, 1),
        "c": None,
    }


def test_shares_leave_out_the_epoch_that_compiles() -> None:
    def epoch(wall: float, step: float, waiting: float) -> dict[str, float]:
        return {"seconds": wall, "seconds_in_step": step, "seconds_waiting": waiting}

    history = [epoch(100, 1, 1), epoch(10, 8, 1), epoch(10, 8, 1)]
    assert shares(history) == {"step": 0.8, "waiting": 0.1, "of_training": pytest.approx(8 / 9)}


def test_a_checkpoint_is_what_was_saved(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path / "none.npz", "a") == checkpoint.Progress()
    arrays = [np.float32([1.5]), np.uint32([7, 8])]
    history = [{"validation_loss": None}, {"validation_loss": 0.1}]
    progress = checkpoint.Progress(history, 0.5, 1, arrays[:1], arrays)
    checkpoint.save(tmp_path / "c.npz", progress, "a")
    assert checkpoint.load(tmp_path / "c.npz", "b") == checkpoint.Progress()  # of another run
    found = checkpoint.load(tmp_path / "c.npz", "a")
    assert (found.epoch, found.validation, found.selected) == (2, [math.inf, 0.1], 1)
    assert [a.tolist() for a in found.now] == [[1.5], [7, 8]]
    assert [a.dtype for a in found.now] == [np.float32, np.uint32]


def _record(path: Path, **changed: Any) -> Path:
    """What a backend would write: two weights, and the losses of two steps."""
    arrays = {"loss": 1.0, "curve": [1.0, 0.5], "gradient/a": [2.0, 0.0], "gradient/b": [0.5]}
    np.savez(path, **{name: np.asarray(value) for name, value in (arrays | changed).items()})
    return path


def test_backends_are_compared_over_the_largest_gradient(tmp_path: Path) -> None:
    one = _record(tmp_path / "one.npz")
    other = _record(
        tmp_path / "other.npz",
        **{"loss": 1.5, "curve": [1.0, 0.25], "gradient/a": [2.0, 0.25], "gradient/b": [1.0]},
    )
    assert compare(one, one) == Agreement(0.0, 0.0, "a", 0.0)
    assert compare(one, other) == Agreement(0.5, 0.25, "b", 0.25)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize(
    ("name", "shape"), [("loss", ()), ("curve", (2,)), ("gradient/a", (2,)), ("gradient/b", (1,))]
)
def test_what_is_not_finite_agrees_with_nothing(
    tmp_path: Path, name: str, shape: tuple[int, ...], bad: float
) -> None:
    good = _record(tmp_path / "good.npz")
    wrong = _record(tmp_path / "wrong.npz", **{name: np.full(shape, bad)})
    assert compare(good, good).holds
    for pair in ((good, wrong), (wrong, good)):
        assert not compare(*pair).holds


@pytest.mark.parametrize("figures", [(2e-4, 0, 0), (0, 2e-4, 0), (0, 0, 2e-2)])
def test_each_figure_alone_can_break_an_agreement(figures: tuple[float, float, float]) -> None:
    loss, gradient, curve = figures
    assert not Agreement(loss, gradient, "a", curve).holds
