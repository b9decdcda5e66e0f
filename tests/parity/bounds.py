"""How near is equal: the bounds of the project, in one place."""

from __future__ import annotations

import numpy as np

VALUE = {"float64": 5e-14, "float32": 2.4e-7}
GRADIENT = {"float64": 1e-13, "float32": 5e-6}


def assert_value(found: float, wanted: float, dtype: np.dtype) -> None:
    """|found − wanted| ≤ bound · max(|wanted|, 0.01)."""
    error = abs(float(found) - float(wanted)) / max(abs(float(wanted)), 0.01)
    assert error <= VALUE[dtype.name], f"value {found} instead of {wanted}: {error:.2e}"


def assert_gradient(found: np.ndarray, wanted: np.ndarray, dtype: np.dtype) -> None:
    """|found − wanted| ≤ bound · the largest entry of the gradient."""
    assert found.shape == wanted.shape
    largest = np.abs(wanted).max()
    error = np.abs(found.astype("float64") - wanted).max()
    assert np.isfinite(error)
    assert error <= GRADIENT[dtype.name] * largest, f"gradient off by {error / largest:.2e}"
