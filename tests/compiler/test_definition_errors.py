"""What a definition may not be, and what a hyperparameter may not: each says so at once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unifocal_spec import ClassSet, ClassWeight, Loss, Number
from unifocal_spec.definition import keywords


def pixel(xp, log_p, log_q, t, *, alpha):
    return -alpha * t * log_p


def region(xp, tp, fp, fn, smooth, *, beta):
    return fn / (tp + beta * fn + smooth)


def combine(xp, pixel, region, *, lam):
    return lam * pixel + (1 - lam) * region


ALPHA, BETA, LAM = (Number(0.5, name) for name in "αβλ")


def _loss(name: str = "mine", **fields: object) -> Loss:
    return Loss(name, "One sentence.", "formula", **fields)


@pytest.mark.parametrize("name", ["two words", "1st", "", "a-b"])
def test_a_name_is_an_identifier(name):
    with pytest.raises(ValueError, match="name must be a Python identifier"):
        _loss(name, pixel=pixel, hyperparameters={"alpha": ALPHA})


def test_a_keyword_is_no_name():
    """Its function could not be written in Python."""
    with pytest.raises(ValueError, match="name must be a Python identifier"):
        _loss("lambda", pixel=pixel, hyperparameters={"alpha": ALPHA})


def test_a_part_is_needed():
    with pytest.raises(ValueError, match="mine: give a pixel term, a region term, or both"):
        _loss()


def test_two_parts_must_be_combined():
    with pytest.raises(ValueError, match="mine: combine must say how"):
        _loss(pixel=pixel, region=region, hyperparameters={"alpha": ALPHA, "beta": BETA})


@pytest.mark.parametrize("described", [{}, {"alpha": ALPHA, "beta": BETA}, {"beta": BETA}])
def test_hyperparameters_are_described_exactly(described):
    with pytest.raises(ValueError, match=r"exactly the keyword-only arguments.*\['alpha'\]"):
        _loss(pixel=pixel, hyperparameters=described)


@pytest.mark.parametrize("name", ["axis", "weight", "smooth", "reduction"])
def test_a_hyperparameter_must_not_take_the_name_of_a_common_keyword(name):
    """The keyword would go to the option and never reach the definition."""
    names: dict[str, object] = {}
    exec(f"def part(xp, log_p, log_q, t, *, {name}): return -t * log_p * {name}", names)
    with pytest.raises(ValueError, match=name):
        _loss(pixel=names["part"], hyperparameters={name: ALPHA})


def test_parts_and_defaults():
    hyperparameters = {"alpha": ALPHA, "beta": BETA, "lam": LAM}
    loss = _loss(pixel=pixel, region=region, combine=combine, hyperparameters=hyperparameters)
    assert list(loss.parts) == ["pixel", "region", "combine"]
    assert loss.defaults == {"alpha": 0.5, "beta": 0.5, "lam": 0.5}
    assert keywords(loss.region) == ("beta",)
    assert keywords(None) == ()


@pytest.mark.parametrize("value", ["1", None, True, math.nan, math.inf, 1j, [1.0], np.ones(2)])
def test_a_number_is_a_finite_python_number(value):
    with pytest.raises(TypeError, match="gamma must be a finite Python number, got"):
        Number(1.0, "γ").resolve("gamma", value, 2)


@pytest.mark.parametrize(
    ("number", "value", "wanted"),
    [
        (Number(1.0, "γ"), -1, ">= 0"),
        (Number(0.5, "λ", high=1.0), 1.5, ">= 0 and <= 1"),
        (Number(1.0, "γ", positive=True), 0, "> 0"),
        (Number(1.0, "x", low=-1.0), -2, ">= -1"),
    ],
)
def test_a_number_keeps_its_range(number, value, wanted):
    with pytest.raises(ValueError, match=f"^gamma must be {wanted}, got {value}$"):
        number.resolve("gamma", value, 2)


@pytest.mark.parametrize("value", [2, np.float32(2.0), np.int64(2)])
def test_numbers_of_numpy_are_numbers(value):
    resolved = Number(1.0, "γ").resolve("gamma", value, 2)
    assert resolved == 2.0
    assert type(resolved) is float


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, (1.0, 1.0, 1.0)),
        (0.25, (0.75, 0.25, 0.25)),
        ([1, 2, 3], (1.0, 2.0, 3.0)),
        (np.array([0.5, 0.0, 1.0]), (0.5, 0.0, 1.0)),
    ],
)
def test_a_class_weight_is_one_number_per_class(value, wanted):
    assert ClassWeight(None, "α").resolve("alpha", value, 3) == wanted


@pytest.mark.parametrize(
    ("value", "error", "wanted"),
    [
        ([1.0, 2.0], ValueError, "one entry per class"),
        ([1.0, 2.0, -1.0], ValueError, "entries >= 0"),
        (1.5, ValueError, "between 0 and 1"),
        (-0.5, ValueError, "between 0 and 1"),
        ("high", TypeError, "finite Python number"),
        ([1.0, None, 1.0], TypeError, "finite Python number"),
    ],
)
def test_a_bad_class_weight_is_named(value, error, wanted):
    with pytest.raises(error, match=f"^alpha must .*{wanted}.*got"):
        ClassWeight(None, "α").resolve("alpha", value, 3)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, (False, True, True)),
        ([], (False, False, False)),
        ({0, 2}, (True, False, True)),
        (np.array([1]), (False, True, False)),
        (iter([1]), (False, True, False)),
    ],
)
def test_a_class_set_is_one_truth_value_per_class(value, wanted):
    assert ClassSet(None, "rare").resolve("rare", value, 3) == wanted


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (1, TypeError),
        ([3], ValueError),
        ([-1], ValueError),
        ([1.0], ValueError),
        ([True], ValueError),
        (["1"], ValueError),
    ],
)
def test_a_bad_class_set_is_named(value, error):
    with pytest.raises(error, match=r"^rare must .*got"):
        ClassSet(None, "rare").resolve("rare", value, 3)
