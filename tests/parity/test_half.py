"""Half-precision logits cost no accuracy in the loss, and never overflow."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cases import each_loss
from unifocal.certificate.backends import Backend

DTYPES = ["float16", "bfloat16"]


def half(dtype: str) -> np.dtype:
    if dtype == "bfloat16":
        return np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    return np.dtype(dtype)


@each_loss(Backend)
def test_half_is_float32_of_the_same_logits(backend: Backend, loss: str) -> None:
    rng = np.random.default_rng(5)
    t = rng.integers(0, 3, size=(2, 7, 5))
    run = backend.runner(loss, axis=1)
    for dtype in DTYPES:
        z = rng.normal(scale=3, size=(2, 3, 7, 5)).astype(half(dtype))
        value, gradient = run(z, t)
        wanted, by_logits = run(z.astype("float32"), t)
        assert value.dtype == np.float32
        assert float(value) == pytest.approx(float(wanted), rel=1e-6)
        np.testing.assert_array_equal(gradient, by_logits.astype(z.dtype))  # rounded once


@pytest.mark.parametrize("shape", [(2, 2, 512, 512), (1, 2, 128, 128, 128)])
@pytest.mark.parametrize(
    "backend", [Backend.NUMPY, Backend.TORCH, Backend.JAX_JIT, Backend.TENSORFLOW_GRAPH]
)
def test_float16_does_not_overflow(backend: Backend, shape: tuple[int, ...]) -> None:
    """A float16 sum ends at 65504, which 256 × 256 pixels reach."""
    z = np.zeros(shape, "float16")
    t = np.zeros((shape[0], *shape[2:]), "uint8")
    t[:, : shape[2] // 2] = 1
    value, gradient = backend.value_and_grad("unified_focal", z, t, axis=1)
    # Every p is 1/2, and half of the pixels are foreground: TP = FP = FN for both classes.
    pixel = (0.6 + 0.4 * 0.5**0.2) / 2 * np.log(2)
    region = (0.5 + 0.5**0.8) / 2
    assert float(value) == pytest.approx((pixel + region) / 2, rel=1e-6)
    assert np.isfinite(gradient).all()
