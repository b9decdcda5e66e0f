"""Small calls in which parts of a formula vanish: saturated pixels, p of exactly 0 and 1."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from tests.cases import LOSSES
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate import oracle
from unifocal.certificate.backends import Backend
from unifocal.engine.pixels import read_block
from unifocal.engine.probabilities import Given, Softmax
from unifocal_numpy import engine, namespace

BACKENDS = [Backend.NUMPY, Backend.TORCH, Backend.JAX, Backend.TENSORFLOW]

LINEAR: dict[str, dict[str, float]] = {
    "focal_tversky": {"gamma": 1.0},
    "hybrid_focal": {"tversky_gamma": 1.0},
    "asymmetric_focal_tversky": {"gamma": 0.0},
    "unified_focal": {"gamma": 0.0},
}
"""Hyperparameters that make the exponent of the region term 1: at an error of 0 its slope is 1."""

CORNERS = [
    "labels",
    "soft targets",
    "a sample predicted perfectly",
    "probabilities 0 and 1",
    "probabilities 0 and 1, values",
]


@cache
def arrays(corner: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits (2, 3, 4), and a target in which every class occurs."""
    rng = np.random.default_rng(CORNERS.index(corner))
    z, t = rng.normal(size=(2, 3, 4)), rng.integers(0, 3, size=(2, 4))
    t[:, :3] = [0, 1, 2]
    hot = np.moveaxis(np.eye(3)[t], -1, 1)
    if corner == "soft targets":
        return z, rng.dirichlet(np.ones(3), size=(2, 4)).transpose(0, 2, 1).copy()
    if corner == "a sample predicted perfectly":
        z[0], z[1, :, :2] = 800 * hot[0], 800 * hot[1, :, :2]
    if corner == "probabilities 0 and 1":
        return hot.copy(), t
    if corner == "probabilities 0 and 1, values":
        return hot.copy(), hot.copy()
    return z, t


def corners(loss: str) -> list[str]:
    """The corners of a loss: the last two where its exponent can be made 1."""
    return CORNERS if loss in LINEAR else CORNERS[:-2]


def keywords(loss: str, corner: str) -> tuple[dict[str, Any], dict[str, float]]:
    """Options and hyperparameters of a call."""
    given = corner.startswith("probabilities 0 and 1")
    return ({"activation": "none"}, LINEAR[loss]) if given else ({}, {})


@cache
def truth(loss: str, corner: str) -> tuple[float, np.ndarray]:
    options, hyper = keywords(loss, corner)
    return oracle.value_and_grad(loss, *arrays(corner), **options, **hyper)


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda b: b.name)
@pytest.mark.parametrize(
    ("loss", "corner"), [(loss, corner) for loss in LOSSES for corner in corners(loss)]
)
def test_a_corner(loss: str, corner: str, backend: Backend) -> None:
    options, hyper = keywords(loss, corner)
    z, t = arrays(corner)
    value, gradient = backend.value_and_grad(loss, z, t, axis=1, **options, **hyper)
    wanted, by_logits = truth(loss, corner)
    assert_value(value, wanted, z.dtype)
    assert_gradient(gradient, by_logits, z.dtype)


BENT: dict[str, dict[str, float]] = {
    "focal_tversky": {"gamma": 4 / 3},
    "hybrid_focal": {"lam": 0.0, "tversky_gamma": 4 / 3},
    "asymmetric_focal_tversky": {"gamma": 0.2},
    "unified_focal": {"lam": 0.0, "gamma": 0.2},
}
"""Hyperparameters that make the exponent of the region term of class 1 less than 1."""


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda b: b.name)
@pytest.mark.parametrize("loss", BENT)
def test_an_error_of_zero_has_no_slope(loss: str, backend: Backend) -> None:
    """x^k for k < 1 has no derivative at x = 0; that of the loss is 0 there by definition."""
    t = np.array([[0, 1, 1, 0]])
    given = np.moveaxis(np.eye(2)[t], -1, 1).copy()
    value, gradient = backend.value_and_grad(
        loss, given, t, axis=1, activation="none", **BENT[loss]
    )
    assert value == 0
    assert (gradient[:, 1] == 0).all()


PIXEL = [
    "cross_entropy",
    "focal",
    "combo",
    "hybrid_focal",
    "asymmetric_focal",
    "unified_focal",
]


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda b: b.name)
@pytest.mark.parametrize("t", [[0.5, 0.5], [1.0, 0.0]], ids=str)
@pytest.mark.parametrize("loss", PIXEL)
def test_a_probability_of_zero_that_should_not_be(
    loss: str, t: list[float], backend: Backend
) -> None:
    """−t log 0 = ∞ for every t above 0."""
    given, target = np.array([[[0.0], [1.0]]]), np.array(t).reshape(1, 2, 1)
    value, _ = backend.value_and_grad(loss, given, target, axis=1, activation="none")
    assert value == np.inf


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda b: b.name)
def test_a_probability_of_zero_that_should_be(backend: Backend) -> None:
    """A class that is absent and has no probability costs nothing and has no slope."""
    given = np.array([[[0.0, 0.0], [0.25, 1.0], [0.75, 0.0]]])
    target = np.array([[[0.0, 0.0], [0.5, 1.0], [0.5, 0.0]]])
    value, gradient = backend.value_and_grad(
        "cross_entropy", given, target, axis=1, activation="none"
    )
    assert float(value) == pytest.approx((np.log(4) + np.log(4 / 3)) / 4)
    wanted = [[[0, 0], [-1, -0.5], [-1 / 3, 0]]]
    np.testing.assert_allclose(gradient, wanted, rtol=1e-15)


def test_the_logarithm_of_a_given_probability() -> None:
    """A user's own loss may ask for log p of a class that is not the target."""
    p = np.array([[[0.25, 0.0, 1.0], [0.75, 1.0, 0.0]]])
    with np.errstate(divide="ignore"):  # as the engine does: what is not chosen may be infinite
        (log_p,), (log_q,) = Given(namespace, (p,), (np.zeros_like(p),), None).logarithms()
    positive = p > 0
    np.testing.assert_array_equal(log_p[positive], np.log(p[positive]))
    assert np.isfinite(log_p).all()
    assert np.isfinite(log_q).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_logarithm_of_what_is_left_is_finite(dtype: str) -> None:
    """A user's own loss multiplies log(1 − p) by 1 − t, which is 0 where 1 − p vanishes."""
    z = np.array([[[1e4], [0.0]]], dtype)
    _, (log_q,) = Softmax(namespace, (z,), (np.zeros_like(z),), None).logarithms()
    np.testing.assert_array_equal(log_q[0, :, 0], [np.log(np.finfo(dtype).tiny), 0])


@pytest.mark.parametrize("loss", LOSSES)
def test_no_logit_equals_the_largest(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """XLA may compute logits twice, once with a fused multiply-add, and so with other bits."""
    largest = namespace.max
    monkeypatch.setattr(
        namespace, "max", lambda *args, **kw: np.nextafter(largest(*args, **kw), np.inf)
    )
    z, t = arrays("labels")
    value, gradient = Backend.NUMPY.value_and_grad(loss, z, t)
    wanted, by_logits = truth(loss, "labels")
    assert_value(value, wanted, z.dtype)
    assert_gradient(gradient, by_logits, z.dtype)


@pytest.mark.parametrize(
    ("loss", "corner"), [(loss, corner) for loss in LOSSES for corner in corners(loss)]
)
def test_classes_apart(loss: str, corner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An array for each class, as who fuses loops gets them, gives the same numbers."""
    monkeypatch.setattr(namespace, "maximum", np.maximum, raising=False)
    monkeypatch.setattr(engine, "read_block", partial(read_block, classes_apart=True))
    test_a_corner(loss, corner, Backend.NUMPY)
