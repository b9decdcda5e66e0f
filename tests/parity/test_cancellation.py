"""Combo is a difference: where little is left of its two parts, every digit of both counts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import unifocal as uf
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate.backends import Backend
from unifocal.engine.pixels import FEW, cancels
from unifocal_numpy.losses import KERNELS

PIXELS = (1, 30, FEW, FEW + 1, 5 * FEW)


def batch(pixels: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Few pixels have all the same logits, so that their roundings do not average out."""
    rng = np.random.default_rng(6)
    z = rng.normal(scale=2, size=(2, 3, 1 if pixels <= FEW else pixels)).astype(dtype)
    return np.tile(z, pixels // z.shape[2]), rng.integers(0, 3, size=(2, pixels))


def balance(z: np.ndarray, t: np.ndarray) -> float:
    """Return the α at which the parts cancel, α · mCE = (1 − α) · DSC."""
    z = z.astype("float64")
    cross_entropy, _ = Backend.NUMPY.value_and_grad("combo", z, t, axis=1, alpha=1.0)
    minus_dice, _ = Backend.NUMPY.value_and_grad("combo", z, t, axis=1, alpha=0.0)
    return float(minus_dice / (minus_dice - cross_entropy))


@pytest.mark.parametrize(
    ("shape", "axis", "few"),
    [
        ((2, 3, FEW), 1, True),
        ((2, 3, FEW + 1), 1, False),
        ((2, FEW // 8, 8, 3), -1, True),
        ((2, FEW // 8, 9, 3), -1, False),
        ((1000, 3, 1), 1, True),  # of each sample
        ((2, 3, 0), 1, True),
        ((2, 3, None), 1, True),  # not known to be many
        ((2, None, 3), -1, True),
        ((None, 3, FEW), 1, True),
        ((None, 3, FEW + 1), 1, False),
    ],
)
def test_what_few_pixels_are(shape: tuple[int | None, ...], axis: int, few: bool) -> None:
    def computed_in_float64(loss: str, precision: str) -> bool:
        return cancels(KERNELS[loss], plan(shape, axis, precision), shape)

    assert computed_in_float64("combo", "native") == few
    assert not computed_in_float64("combo", "exact")
    assert not computed_in_float64("unified_focal", "native")


def plan(shape: tuple[int | None, ...], axis: int, precision: str) -> Any:
    return SimpleNamespace(channels=shape[axis], precision=precision)


@pytest.mark.parametrize("backend", Backend, ids=lambda b: b.name)
@pytest.mark.parametrize("pixels", PIXELS)
def test_what_is_left_is_right(backend: Backend, pixels: int) -> None:
    z, t = batch(pixels, "float32")
    keywords = {"axis": 1, "alpha": round(balance(z, t), 3)}
    value, gradient = backend.value_and_grad("combo", z, t, **keywords)
    wanted, by_logits = Backend.NUMPY.value_and_grad("combo", z.astype("float64"), t, **keywords)
    assert abs(wanted) < 0.01
    assert_value(value, wanted, np.dtype("float32"))
    assert_gradient(gradient, by_logits, np.dtype("float32"))


def halves() -> tuple[np.ndarray, np.ndarray]:
    """Enough for a rounding in between to change a few entries of the gradient."""
    rng = np.random.default_rng(0)
    z = rng.normal(scale=2, size=(512, 3, 64)).astype("float16")
    return z, rng.integers(0, 3, size=(512, 64))


@pytest.mark.parametrize("backend", Backend, ids=lambda b: b.name)
def test_half_precision_is_float32_rounded_once(backend: Backend) -> None:
    z, t = halves()
    keywords = {"axis": 1, "reduction": "sum"}
    value, gradient = backend.value_and_grad("combo", z, t, **keywords)
    wanted, by_logits = backend.value_and_grad("combo", z.astype("float32"), t, **keywords)
    assert abs(value - wanted) <= 1e-6 * abs(wanted)
    np.testing.assert_array_equal(gradient, by_logits.astype("float16"))


@pytest.mark.parametrize("backend", [b for b in Backend if b.mode == "eager"], ids=lambda b: b.name)
def test_so_is_that_of_a_piece(backend: Backend) -> None:
    z, t = halves()
    whole = uf.Accumulator(uf.combo, axis=1, reduction="sum")
    piece = backend.asarray(z), backend.asarray(t)
    whole.add(*piece)
    wide = uf.Accumulator(uf.combo, axis=1, reduction="sum")
    wide.add(backend.asarray(z.astype("float32")), piece[1])
    wanted = np.asarray(wide.gradient(backend.asarray(z.astype("float32")), piece[1]))
    np.testing.assert_array_equal(np.asarray(whole.gradient(*piece)), wanted.astype("float16"))
