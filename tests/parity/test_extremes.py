"""Saturated logits, perfect and hopeless predictions: the exact value and gradient, never nan."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.cases import each_loss
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate import oracle
from unifocal.certificate.backends import Backend, Result

BACKENDS = [Backend.NUMPY, Backend.TORCH, Backend.JAX, Backend.TENSORFLOW_XLA]


@pytest.fixture(params=BACKENDS, ids=lambda b: b.name)
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param


def hold(found: Result, wanted: tuple[float, np.ndarray]) -> None:
    """Hold value and gradient to the bounds of float64."""
    assert_value(found[0], wanted[0], np.dtype("float64"))
    assert_gradient(found[1], wanted[1], np.dtype("float64"))


def saturated(size: float, right: bool, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits ±size that name the label, or the class after it, with a little variety."""
    t = np.array([[0, 1, 1, 0]])
    named = t if right else (t + 1) % classes
    z = np.where(np.eye(classes)[named], size, -size) + np.arange(4)[:, None] / 8
    z = z + np.arange(classes) / 16
    return np.ascontiguousarray(np.moveaxis(z, -1, 1)), t


# A test compiles one program, and gives it every input.
@pytest.mark.parametrize("classes", [2, 3])
@each_loss(BACKENDS)
def test_saturated_logits(backend: Backend, loss: str, classes: int) -> None:
    run = backend.runner(loss, axis=1)
    for size, right in product((10.0, 50.0), (True, False)):
        z, t = saturated(size, right, classes)
        hold(run(z, t), oracle.value_and_grad(loss, z, t))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@each_loss(BACKENDS)
def test_logits_of_ten_thousand(backend: Backend, loss: str, dtype: str) -> None:
    run = backend.runner(loss, axis=1)
    for right in (True, False):
        z, t = saturated(1e4, right, 2)
        value, gradient = run(z.astype(dtype), t)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
        if loss == "cross_entropy":
            others = np.where(t == 0, z[:, 1] - z[:, 0], z[:, 0] - z[:, 1])
            wanted = np.maximum(others, 0).mean()  # log(1 + e^d) to every digit that d has
            assert float(value) == pytest.approx(wanted, rel=1e-6)


PREDICTIONS = {"perfect": 200.0, "all wrong": -200.0, "uniform": 0.0}
"""The logit of the label, where that of the other class is 0."""


def predicted(prediction: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right, wrong or undecided everywhere, and the labels."""
    t = np.array([[0, 1, 1, 0]])
    return np.ascontiguousarray(np.moveaxis(np.eye(2)[t] * PREDICTIONS[prediction], -1, 1)), t


GAMMAS = [0.0, 0.2, 0.5, 0.75, 1.0, 4 / 3, 2.0, 2.5]
UP_TO_ONE = [gamma for gamma in GAMMAS if gamma <= 1]
MEANT = {
    "focal": GAMMAS,
    "focal_tversky": GAMMAS[1:],  # 1/γ
    "asymmetric_focal": GAMMAS,
    "asymmetric_focal_tversky": UP_TO_ONE,
    "unified_focal": UP_TO_ONE,
}
"""Losses that have a γ, and where it has a meaning: elsewhere they refuse it, as a test says."""


@pytest.mark.parametrize(
    ("loss", "gamma"), [(loss, gamma) for loss, gammas in MEANT.items() for gamma in gammas]
)
def test_every_gamma(backend: Backend, loss: str, gamma: float) -> None:
    run = backend.runner(loss, axis=1, gamma=gamma)
    for prediction in PREDICTIONS:
        z, t = predicted(prediction)
        hold(run(z, t), oracle.value_and_grad(loss, z, t, gamma=gamma))


@pytest.mark.parametrize(("loss", "gamma"), [("focal_tversky", 0.0), ("unified_focal", 4 / 3)])
def test_gammas_without_a_meaning_are_refused(backend: Backend, loss: str, gamma: float) -> None:
    with pytest.raises(ValueError, match="gamma must be"):
        backend.value_and_grad(loss, *predicted("uniform"), axis=1, gamma=gamma)


@pytest.mark.parametrize("absent", ["include", "skip"])
@each_loss(BACKENDS)
def test_one_sided_targets(backend: Backend, loss: str, absent: str) -> None:
    run = backend.runner(loss, axis=1, absent=absent)
    z = np.random.default_rng(3).normal(size=(1, 2, 6))
    empty, full, one_pixel = np.zeros((1, 6), int), np.ones((1, 6), int), np.eye(1, 6, 2, int)
    for t in (empty, full, one_pixel):
        hold(run(z, t), oracle.value_and_grad(loss, z, t, absent=absent))
