"""What the parameters mean, on masks made by hand, where every sum can be counted."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tests.cases import LOSSES, each_loss
from unifocal.certificate.backends import Backend

BACKENDS = [Backend.NUMPY, Backend.TORCH, Backend.JAX, Backend.TENSORFLOW]
REGION_LOSSES = [x for x in LOSSES if x not in ("cross_entropy", "focal", "asymmetric_focal")]
SMOOTH = 1e-5


@pytest.fixture(params=BACKENDS, ids=lambda b: b.name)
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param


def segmentation(truth: list[int], prediction: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities 0 and 1 for two classes over a row of pixels, and the labels."""
    foreground = np.array([prediction], dtype=float)
    return np.stack([1 - foreground, foreground], axis=1), np.array([truth])


def loss_of(
    backend: Backend, loss: str, truth: list[int], prediction: list[int], **kw: Any
) -> float:
    p, t = segmentation(truth, prediction)
    keywords = {"activation": "none", "axis": 1, "include_background": False} | kw
    return float(backend.value_and_grad(loss, p, t, **keywords)[0])


TRUTH = [1, 1, 1, 0, 0, 0]
FALSE_POSITIVE = [1, 1, 1, 1, 0, 0]
FALSE_NEGATIVE = [1, 1, 0, 0, 0, 0]


def one_minus_index(tp: int, fp: int, fn: int, alpha: Any, beta: Any) -> float:
    s = Fraction(SMOOTH)
    alpha, beta = Fraction(alpha), Fraction(beta)
    return float(1 - (tp + s) / (tp + alpha * fp + beta * fn + s))


def test_a_false_positive_is_punished_by_alpha_alone(backend: Backend) -> None:
    found = loss_of(backend, "tversky", TRUTH, FALSE_POSITIVE, alpha=0.3, beta=0.7)
    assert found == pytest.approx(one_minus_index(3, 1, 0, 0.3, 0.7), rel=1e-13)
    assert loss_of(backend, "tversky", TRUTH, FALSE_POSITIVE, alpha=0.3, beta=0.1) == found


def test_a_false_negative_is_punished_by_beta_alone(backend: Backend) -> None:
    found = loss_of(backend, "tversky", TRUTH, FALSE_NEGATIVE, alpha=0.3, beta=0.7)
    assert found == pytest.approx(one_minus_index(2, 0, 1, 0.3, 0.7), rel=1e-13)
    assert loss_of(backend, "tversky", TRUTH, FALSE_NEGATIVE, alpha=0.9, beta=0.7) == found


def test_delta_above_a_half_punishes_false_negatives_more(backend: Backend) -> None:
    loss, keywords = "asymmetric_focal_tversky", {"delta": 0.8, "gamma": 0.2}
    missed = loss_of(backend, loss, [1, 1, 1, 0], [1, 1, 0, 0], **keywords)
    invented = loss_of(backend, loss, [1, 1, 0, 0], [1, 1, 1, 0], **keywords)
    assert missed == pytest.approx(one_minus_index(2, 0, 1, 0.2, 0.8) ** 0.8, rel=1e-12)
    assert invented == pytest.approx(one_minus_index(2, 1, 0, 0.2, 0.8) ** 0.8, rel=1e-12)
    assert missed > invented


def test_focal_alpha_weighs_the_foreground(backend: Backend) -> None:
    z, t = np.zeros((1, 2, 1)), np.array([[1]])
    quarter = 0.25 * np.log(2)  # (1 − p)² at p = ½
    for label, factor in ((1, 0.9), (0, 0.1)):
        value, _ = backend.value_and_grad("focal", z, t * 0 + label, axis=1, alpha=0.9, gamma=2)
        assert float(value) == pytest.approx(factor * quarter, rel=1e-13)


def test_lambda_one_is_the_pixel_part(backend: Backend) -> None:
    z, t = np.zeros((1, 2, 2)), np.array([[0, 1]])
    keywords = {"axis": 1, "gamma": 0.0, "delta": 0.5}
    whole, _ = backend.value_and_grad("unified_focal", z, t, lam=1.0, **keywords)
    assert float(whole) == pytest.approx(np.log(2) / 2, rel=1e-13)
    none, _ = backend.value_and_grad("unified_focal", z, t, lam=0.0, **keywords)
    wanted = 1 - (Fraction(1, 2) + Fraction(SMOOTH)) / (1 + Fraction(SMOOTH))
    assert float(none) == pytest.approx(float(wanted), rel=1e-13)


def test_a_perfect_prediction_costs_nothing(backend: Backend) -> None:
    for loss in ("dice", "tversky", "focal_tversky", "asymmetric_focal_tversky"):
        assert loss_of(backend, loss, TRUTH, TRUTH) == 0


@each_loss(BACKENDS, REGION_LOSSES)
def test_an_absent_class_counts_only_if_asked(backend: Backend, loss: str) -> None:
    z, t = np.zeros((1, 3, 2)), np.array([[0, 1]])  # class 2 is absent
    include, _ = backend.value_and_grad(loss, z, t, axis=1, absent="include")
    skip, _ = backend.value_and_grad(loss, z, t, axis=1, absent="skip")
    alone = backend.value_and_grad(loss, z, t, axis=1, absent="include", class_weights=[1, 1, 0])[0]
    assert float(include) != pytest.approx(float(skip), rel=1e-6)
    assert float(skip) == pytest.approx(float(alone), rel=1e-13)


def test_dice_of_a_soft_target_with_itself(backend: Backend) -> None:
    # FP = FN = Σ t (1 − t): with t = ½ everywhere, TP = FP = FN, and the loss is a half.
    t = np.full((1, 2, 6), 0.5)
    value, _ = backend.value_and_grad("dice", t, t, axis=1, activation="none")
    sum_ = Fraction(6, 4)
    wanted = 1 - (sum_ + Fraction(SMOOTH)) / (2 * sum_ + Fraction(SMOOTH))
    assert float(value) == pytest.approx(float(wanted), rel=1e-13)


@each_loss(BACKENDS)
def test_one_sigmoid_channel_is_softmax_over_zero_and_z(backend: Backend, loss: str) -> None:
    rng = np.random.default_rng(1)
    z, t = rng.normal(size=(2, 1, 5)), rng.integers(0, 2, size=(2, 5))
    value, gradient = backend.value_and_grad(loss, z, t, axis=1, activation="sigmoid")
    both = np.concatenate([np.zeros_like(z), z], axis=1)
    wanted, by_both = backend.value_and_grad(loss, both, t, axis=1)
    assert float(value) == pytest.approx(float(wanted), rel=1e-13)
    np.testing.assert_allclose(gradient, by_both[:, 1:], rtol=1e-10, atol=1e-16)


@each_loss(BACKENDS)
def test_an_ignored_pixel_might_as_well_not_exist(backend: Backend, loss: str) -> None:
    rng = np.random.default_rng(2)
    z, t = rng.normal(size=(2, 3, 6)), rng.integers(0, 3, size=(2, 6))
    wanted, by_logits = backend.value_and_grad(loss, z[..., :4].copy(), t[:, :4].copy(), axis=1)
    labelled, mask = np.where(np.arange(6) < 4, t, -1), np.ones((2, 6))
    mask[:, 4:] = 0
    by_label = backend.runner(loss, axis=1, ignore_index=-1)
    by_weight = backend.runner(loss, axis=1)
    for garbage in (np.nan, np.inf, -np.inf, 1e30):
        z[..., 4:] = garbage
        for value, gradient in (by_label(z, labelled), by_weight(z, t, mask)):
            assert float(value) == pytest.approx(float(wanted), rel=1e-13)
            np.testing.assert_allclose(gradient[..., :4], by_logits, rtol=1e-10, atol=1e-17)
            assert (gradient[..., 4:] == 0).all()


@each_loss(BACKENDS)
def test_everything_ignored_is_zero(backend: Backend, loss: str) -> None:
    z, t = np.full((2, 3, 4), np.nan), np.full((2, 4), 7)
    value, gradient = backend.value_and_grad(loss, z, t, axis=1, ignore_index=7)
    assert float(value) == 0
    assert (gradient == 0).all()
