"""A definition's value and gradient in 50 digits, to hold compiled code to.

The value is the definition itself run on mpmath numbers; the gradient is a central difference, so
it shares nothing with the closed form that the compiler derives.
"""

from __future__ import annotations

import warnings
from typing import Any

import mpmath as mp
import numpy as np

from unifocal.namespaces import mpmath_namespace
from unifocal_spec import Loss, evaluate

DIGITS = 50
STEP = mp.mpf(10) ** -16


def value_and_grad(
    loss: Loss, logits: np.ndarray, target: np.ndarray, **keywords: Any
) -> tuple[float, np.ndarray]:
    """Return value and gradient of a definition, rounded once.

    A step of 1e-16 leaves a truncation error near 1e-32 and a rounding error near 1e-34.
    """
    xp = mpmath_namespace()
    with mp.workdps(DIGITS), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, about objects it cannot judge

        def value(z: np.ndarray) -> Any:
            return evaluate(loss, xp, z, target, **keywords)

        z = xp.asarray(logits)
        gradient = np.zeros(logits.shape)
        for i in np.ndindex(*logits.shape):
            above, below = z.copy(), z.copy()
            above[i], below[i] = z[i] + STEP, z[i] - STEP
            gradient[i] = float((value(above) - value(below)) / (2 * STEP))
        return float(value(z)), gradient
