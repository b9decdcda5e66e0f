"""The numbers behind the plots: this project's losses beside the textbook formulas."""

from __future__ import annotations

import numpy as np
import pytest

from tests.precision import EAGER
from unifocal.certificate import bounds, curves, oracle, plain
from unifocal.certificate.backends import Backend
from unifocal.certificate.devices import devices

FRAMEWORKS = [backend for backend in EAGER if backend is not Backend.NUMPY]


@pytest.mark.parametrize("loss", plain.FORMULAS)
@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_the_textbook_formula_is_that_of_the_loss(backend: Backend, loss: str) -> None:
    """On logits that saturate nothing, where float32 suffices."""
    backend.losses()
    logits, label = curves.problem(size=50, draw=0)
    z = backend.asarray(curves._lay_out(backend, logits))
    found = plain.formula(backend.framework, loss)(z, backend.asarray(label))
    assert float(found) == pytest.approx(float(oracle.value(loss, logits, label)), rel=1e-5)


@pytest.mark.parametrize("backend", EAGER)
def test_every_size_and_every_magnitude_is_measured(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.losses()
    monkeypatch.setattr(curves, "SIZES", (30, 10**6))
    monkeypatch.setattr(curves, "MAGNITUDES", (1.0, 5.0))
    device = devices(backend.framework)[0]
    found = curves.measure_curves(backend, device, quick=True)
    beside = "truth" if backend is Backend.NUMPY else "plain"
    assert set(found.sizes) == {(x, y) for x in ("ours", beside) for y in curves.SIZE_LOSSES}
    assert set(found.magnitudes) == {(x, y) for x in ("ours", beside) for y in curves.SIDES}
    for loss in curves.SIZE_LOSSES:
        (values,) = found.sizes["ours", loss]
        assert len(values) == curves.draws(30)
        for draw, value in enumerate(values):
            wanted = float(oracle.value(loss, *curves.problem(30, draw)))
            assert value == pytest.approx(wanted, rel=bounds.VALUE["float32"])
    for side in curves.SIDES:
        for magnitude, (value, gradient) in zip(
            curves.MAGNITUDES, found.magnitudes["ours", side], strict=True
        ):
            logits, label = curves.saturated(magnitude, side)
            wanted, slope = oracle.value_and_grad(curves.MAGNITUDE_LOSS, logits, label)
            assert float(value) == pytest.approx(float(wanted), rel=bounds.VALUE["float32"])
            np.testing.assert_allclose(
                gradient, slope, rtol=0, atol=bounds.GRADIENT["float32"] * np.abs(slope).max()
            )


def test_a_wrong_prediction_costs_more_than_a_right_one() -> None:
    right, wrong = (oracle.value("dice", *curves.saturated(5.0, side)) for side in curves.SIDES)
    assert right < 0.1 < 0.9 < wrong


def test_large_problems_are_drawn_once_and_left_out_of_a_quick_run() -> None:
    assert [curves.draws(size) for size in (100, 250_000, 10**7)] == [5, 4, 1]
    assert max(curves.sizes(quick=True)) == curves.QUICK_SIZE
    assert curves.sizes(quick=False) == curves.SIZES
