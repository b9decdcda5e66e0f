"""Assert that a value or a gradient is as near as the project promises."""

from __future__ import annotations

import numpy as np

from unifocal.certificate.bounds import GRADIENT, SMALL, VALUE


def assert_value(found: float, wanted: float, dtype: np.dtype) -> None:
    """|found − wanted| ≤ bound · max(|wanted|, SMALL)."""
    error = abs(float(found) - float(wanted)) / max(abs(float(wanted)), SMALL)
    assert error <= VALUE[dtype.name], f"value {found} instead of {wanted}: {error:.2e}"


def assert_gradient(found: np.ndarray, wanted: np.ndarray, dtype: np.dtype) -> None:
    """|found − wanted| ≤ bound · the largest entry of the gradient, or below the smallest normal
    number, where an entry underflows.
    """
    assert found.shape == wanted.shape
    largest = np.abs(wanted).max()
    error = np.abs(found.astype("float64") - wanted).max()
    assert np.isfinite(error)
    bound = GRADIENT[dtype.name] * largest + np.finfo(dtype).smallest_normal
    assert error <= bound, f"gradient off by {error:.2e}, its largest entry is {largest:.2e}"
