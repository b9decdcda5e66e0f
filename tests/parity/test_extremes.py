"""Saturated logits, perfect and hopeless predictions: the exact value and gradient, never nan."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cases import LOSSES
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate import oracle
from unifocal.certificate.backends import Backend

BACKENDS = [Backend.NUMPY, Backend.TORCH, Backend.JAX, Backend.TENSORFLOW_XLA]


@pytest.fixture(params=BACKENDS, ids=lambda b: b.name)
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param


def saturated(size: float, right: bool, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits ±size that name the label, or the class after it, with a little variety."""
    t = np.array([[0, 1, 1, 0]])
    named = t if right else (t + 1) % classes
    z = np.where(np.eye(classes)[named], size, -size) + np.arange(4)[:, None] / 8
    z = z + np.arange(classes) / 16
    return np.ascontiguousarray(np.moveaxis(z, -1, 1)), t


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("size", [10.0, 50.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_saturated_logits(
    backend: Backend, loss: str, size: float, right: bool, classes: int
) -> None:
    z, t = saturated(size, right, classes)
    value, gradient = backend.value_and_grad(loss, z, t, axis=1)
    wanted, by_logits = oracle.value_and_grad(loss, z, t)
    assert_value(value, wanted, z.dtype)
    assert_gradient(gradient, by_logits, z.dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_logits_of_ten_thousand(backend: Backend, loss: str, right: bool, dtype: str) -> None:
    z, t = saturated(1e4, right, 2)
    value, gradient = backend.value_and_grad(loss, z.astype(dtype), t, axis=1)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    if loss == "cross_entropy":
        others = np.where(t == 0, z[:, 1] - z[:, 0], z[:, 0] - z[:, 1])
        wanted = np.maximum(others, 0).mean()  # log(1 + e^d) to every digit that d has
        assert float(value) == pytest.approx(wanted, rel=1e-6)


def predicted(prediction: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right, wrong or undecided everywhere, and the labels."""
    size = {"perfect": 200.0, "all wrong": -200.0, "uniform": 0.0}[prediction]
    t = np.array([[0, 1, 1, 0]])
    return np.ascontiguousarray(np.moveaxis(np.eye(2)[t] * size, -1, 1)), t


GAMMAS = [0.0, 0.2, 0.5, 0.75, 1.0, 4 / 3, 2.0, 2.5]


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("prediction", ["perfect", "all wrong", "uniform"])
@pytest.mark.parametrize("loss", ["focal", "focal_tversky", "asymmetric_focal"])
def test_every_gamma(backend: Backend, loss: str, prediction: str, gamma: float) -> None:
    if loss == "focal_tversky" and gamma == 0:
        return  # 1/γ needs γ > 0: refused, as the test below says
    z, t = predicted(prediction)
    value, gradient = backend.value_and_grad(loss, z, t, axis=1, gamma=gamma)
    wanted, by_logits = oracle.value_and_grad(loss, z, t, gamma=gamma)
    assert_value(value, wanted, z.dtype)
    assert_gradient(gradient, by_logits, z.dtype)


@pytest.mark.parametrize("gamma", [g for g in GAMMAS if g <= 1])
@pytest.mark.parametrize("prediction", ["perfect", "all wrong", "uniform"])
@pytest.mark.parametrize("loss", ["asymmetric_focal_tversky", "unified_focal"])
def test_every_gamma_of_the_asymmetric_losses(
    backend: Backend, loss: str, prediction: str, gamma: float
) -> None:
    z, t = predicted(prediction)
    value, gradient = backend.value_and_grad(loss, z, t, axis=1, gamma=gamma)
    wanted, by_logits = oracle.value_and_grad(loss, z, t, gamma=gamma)
    assert_value(value, wanted, z.dtype)
    assert_gradient(gradient, by_logits, z.dtype)


@pytest.mark.parametrize(("loss", "gamma"), [("focal_tversky", 0.0), ("unified_focal", 4 / 3)])
def test_gammas_without_a_meaning_are_refused(backend: Backend, loss: str, gamma: float) -> None:
    with pytest.raises(ValueError, match="gamma must be"):
        backend.value_and_grad(loss, *predicted("uniform"), axis=1, gamma=gamma)


@pytest.mark.parametrize("target", ["empty", "full", "one pixel"])
@pytest.mark.parametrize("absent", ["include", "skip"])
@pytest.mark.parametrize("loss", LOSSES)
def test_one_sided_targets(backend: Backend, loss: str, absent: str, target: str) -> None:
    z = np.random.default_rng(3).normal(size=(1, 2, 6))
    t = np.zeros((1, 6), dtype=int) + (target == "full")
    if target == "one pixel":
        t[0, 2] = 1
    value, gradient = backend.value_and_grad(loss, z, t, axis=1, absent=absent)
    wanted, by_logits = oracle.value_and_grad(loss, z, t, absent=absent)
    assert_value(value, wanted, z.dtype)
    assert_gradient(gradient, by_logits, z.dtype)
