"""From sums to slopes, where a backend shows it only under its compiler or not at all, in NumPy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import unifocal_numpy.namespace as xp
from tests.cases import LOSSES
from unifocal.dispatch import split_keywords
from unifocal_numpy.engine import loss_of_sums, piece_sums
from unifocal_numpy.losses import KERNELS
from unifocal_spec import Part, Plan
from unifocal_spec.regions import (
    Slopes,
    Sums,
    cotangents,
    known,
    loss_and_slopes,
    reduce_losses,
    region_losses,
    region_slopes,
)


def call(loss: str = "dice", channels: int = 3, **keywords: Any) -> tuple[Plan, Sums]:
    """The plan of a call, and its sums over the pixels of each of three samples."""
    rng = np.random.default_rng(8)
    z = rng.normal(size=(3, channels, 5))
    t = rng.integers(0, 2, size=z.shape if "activation" in keywords else (3, 5))
    t = t.astype(float) if t.ndim == z.ndim else t
    options, hyper = split_keywords({"axis": 1, **keywords})
    return piece_sums(KERNELS[loss], z, t, hyper=hyper, **options)


@pytest.mark.parametrize("keywords", [{}, {"activation": "sigmoid"}], ids=["softmax", "sigmoid"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("over", ["sample", "batch"])
def test_cotangents_belong_to_the_reduction(
    over: str, reduction: str, keywords: dict[str, Any]
) -> None:
    """The reduction is linear: any change of losses changes it by the cotangents."""
    plan, pooled = call(over=over, reduction=reduction, **keywords)
    _, sums = call(**keywords)  # of each sample, as an engine has them
    losses = np.random.default_rng(2).normal(size=pooled.weight.shape)
    reduced = reduce_losses(xp, plan, losses)
    cotangent = np.random.default_rng(3).normal(size=reduced.shape)
    by_losses = cotangents(xp, plan, sums, cotangent)
    assert by_losses.shape == losses.shape
    assert np.sum(by_losses * losses) == pytest.approx(np.sum(cotangent * reduced), rel=1e-13)


def slopes(loss: str, plan: Plan, sums: Sums) -> Slopes:
    def vector(values: tuple[Any, ...]) -> np.ndarray:
        return xp.vector(values, sums.weight)

    return region_slopes(xp, vector, KERNELS[loss], plan, sums, np.ones_like(sums.weight))


def weighing(sums: Sums, weight: float) -> Sums:
    """The sums, if the pixels of the first sample weighed so much in all."""
    first = np.arange(3)[:, None] == 0
    return sums._replace(weight=np.where(first, weight, sums.weight))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_region_without_weight_has_no_slope(loss: str) -> None:
    plan, sums = call(loss)
    wanted, found = slopes(loss, plan, sums), slopes(loss, plan, weighing(sums, 0.0))
    for before, after in zip(wanted, found, strict=True):
        if before is not None:
            assert np.any(before[0] != 0)
            np.testing.assert_array_equal(after[0], 0)
            np.testing.assert_array_equal(after[1:], before[1:])


@pytest.mark.parametrize("loss", LOSSES)
def test_a_label_out_of_range_makes_all_slopes_nan(loss: str) -> None:
    """It has made the weight nan where no error can be raised."""
    plan, sums = call(loss)
    wanted, found = slopes(loss, plan, sums), slopes(loss, plan, weighing(sums, np.nan))
    for before, after in zip(wanted, found, strict=True):
        if before is not None:
            assert np.isnan(after[0]).all()
            np.testing.assert_array_equal(after[1:], before[1:])
    wrong = region_losses(
        xp, lambda v: xp.vector(v, sums.weight), KERNELS[loss], plan, weighing(sums, np.nan)
    )
    assert np.isnan(wrong).tolist() == [[True], [False], [False]]


def test_a_combination_has_its_slopes_at_pixel_and_region() -> None:
    """The package's own combinations are linear, so that it does not matter to them."""
    kernel = replace(
        KERNELS["unified_focal"],
        combine=Part(lambda a, b: a * b**2, lambda a, b: (b**2, 2 * a * b), ()),
    )
    plan, sums = call("unified_focal", over="batch")

    def vector(values: tuple[Any, ...]) -> np.ndarray:
        return xp.vector(values, sums.weight)

    def value(changed: Sums) -> float:
        return region_losses(xp, vector, kernel, plan, changed).item()

    found = region_slopes(xp, vector, kernel, plan, sums, np.ones((1, 1)))
    step = 1e-6
    for name, entry in [("pixel", (0, 0)), ("tp", (0, 0, 1)), ("fp", (0, 0, 2)), ("fn", (0, 0, 0))]:
        ends = []
        for h in (step, -step):
            changed = getattr(sums, name).copy()
            changed[entry] += h
            ends.append(value(sums._replace(**{name: changed})))
        by_numbers = (ends[0] - ends[1]) / (2 * step)
        assert getattr(found, name)[entry] == pytest.approx(by_numbers, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("keywords", [{}, {"activation": "sigmoid"}], ids=["softmax", "sigmoid"])
@pytest.mark.parametrize("absent", ["include", "skip"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("over", ["sample", "batch"])
def test_loss_and_slopes_at_once_are_those_one_by_one(
    over: str, reduction: str, absent: str, keywords: dict[str, Any], loss: str
) -> None:
    keywords = {**keywords, "absent": absent}
    plan, _ = call(loss, over=over, reduction=reduction, **keywords)
    _, sums = call(loss, **keywords)  # of each sample, as an engine has them
    kernel, sums = KERNELS[loss], weighing(sums, 0.0)

    def vector(values: tuple[Any, ...]) -> np.ndarray:
        return xp.vector(values, sums.weight)

    value = reduce_losses(xp, plan, region_losses(xp, vector, kernel, plan, sums))
    every = cotangents(xp, plan, sums, np.ones_like(value))
    wanted = region_slopes(xp, vector, kernel, plan, sums, every)

    before = known(xp, vector, kernel, plan)
    loss_alone, nothing = loss_and_slopes(xp, kernel, plan, before, sums, False)
    found, slopes_found = loss_and_slopes(xp, kernel, plan, before, sums, True)
    assert nothing is None
    np.testing.assert_array_equal(loss_alone, value, strict=True)
    np.testing.assert_array_equal(found, value, strict=True)
    for a, b in zip(slopes_found, wanted, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("loss", LOSSES)
def test_slopes_are_by_the_sums_there_are(loss: str) -> None:
    plan, sums = call(loss)
    found = slopes(loss, plan, sums)
    for name in Slopes._fields:
        assert (getattr(found, name) is None) == (getattr(sums, name) is None)


def test_a_loss_without_bound_warns_of_nothing() -> None:
    kernel = replace(KERNELS["dice"], combine=Part(lambda a, b: np.log(a), None, ()))
    plan, sums = call()  # without a pixel term, the pixel average is 0
    assert loss_of_sums(kernel, plan, sums, np.zeros(1)) == -np.inf
