"""Where roundings do not average out: of few pixels, and where little is left of two parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.parity.bounds import SMALL, VALUE, assert_gradient, assert_value
from unifocal.certificate.backends import Backend

CASES = {
    "one pixel": (1, 1, 0.5),
    "few pixels": (30, 30, 0.5),
    "few pixels, all alike": (30, 1, 0.5),
    "many pixels": (20000, 20000, 0.5),
    "many pixels, all alike": (20000, 1, 0.5),
    "many pixels of two kinds": (20000, 2, 0.5),
    "class weights that float32 rounds": (20000, 20000, 0.9),
}
"""The number of pixels, of kinds of them, and β."""


def batch(pixels: int, kinds: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """So many kinds of pixels: where logits are the same, roundings do not average out."""
    rng = np.random.default_rng(6)
    z = rng.normal(scale=2, size=(2, 3, kinds)).astype(dtype)
    return np.resize(z, (2, 3, pixels)), rng.integers(0, 3, size=(2, pixels))


def balance(z: np.ndarray, t: np.ndarray, **keywords: Any) -> float:
    """Return the α at which the parts cancel, α · mCE = (1 − α) · DSC."""
    cross_entropy, _ = Backend.NUMPY.value_and_grad("combo", z, t, alpha=1.0, **keywords)
    minus_dice, _ = Backend.NUMPY.value_and_grad("combo", z, t, alpha=0.0, **keywords)
    return float(minus_dice / (minus_dice - cross_entropy))


@pytest.mark.parametrize("backend", Backend, ids=lambda b: b.name)
@pytest.mark.parametrize("case", CASES)
def test_what_is_left_is_right(backend: Backend, case: str) -> None:
    pixels, kinds, beta = CASES[case]
    z, t = batch(pixels, kinds, "float32")
    keywords: dict[str, Any] = {"axis": 1, "beta": beta}
    keywords["alpha"] = round(balance(z.astype("float64"), t, **keywords), 3)
    value, gradient = backend.value_and_grad("combo", z, t, **keywords)
    wanted, by_logits = Backend.NUMPY.value_and_grad("combo", z.astype("float64"), t, **keywords)
    assert abs(wanted) < 0.01
    assert_value(value, wanted, np.dtype("float32"))
    assert_gradient(gradient, by_logits, np.dtype("float32"))


STEEP = {
    "focal": {"alpha": 0.847, "gamma": 2.5},
    "hybrid_focal": {"focal_alpha": 0.654, "focal_gamma": 2.0, "tversky_gamma": 0.5},
    "asymmetric_focal": {"delta": 0.847, "gamma": 2.5},
}
"""Powers that make roundings of log (1 − p) larger."""


@pytest.mark.parametrize("backend", Backend, ids=lambda b: b.name)
@pytest.mark.parametrize("loss", STEEP)
def test_one_pixel_is_right(backend: Backend, loss: str) -> None:
    """A thousand losses, each of one pixel."""
    rng = np.random.default_rng(7)
    z = rng.normal(scale=1.5, size=(1000, 3, 1)).astype("float32")
    t = rng.integers(0, 3, size=(1000, 1))
    keywords = {"axis": 1, "reduction": "none", "over": "sample", **STEEP[loss]}
    evaluate = getattr(backend.losses(), loss)
    values = np.asarray(evaluate(backend.asarray(z), backend.asarray(t), **keywords), "float64")
    wanted = getattr(Backend.NUMPY.losses(), loss)(z.astype("float64"), t, **keywords)
    assert np.all(np.abs(values - wanted) <= VALUE["float32"] * np.maximum(wanted, SMALL))
