"""The distance between a floating-point number and the true one, relative and in ulp.

One ulp of x is the spacing of the dtype's numbers around x: 2⁻²³ of float32 around 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from unifocal.certificate.bounds import SMALL

Array = np.ndarray[Any, Any]

FORMATS = {
    "float64": (53, -1022),
    "float32": (24, -126),
    "float16": (11, -14),
    "bfloat16": (8, -126),
}
"""Bits of the significand, and the exponent of the smallest normal number."""


def ulp(x: float, dtype: str) -> float:
    """Return the spacing of a dtype's numbers around x; around 0, that of its subnormal numbers.

    >>> ulp(1.0, "float32") == 2**-23, ulp(-0.9, "bfloat16") == 2**-8
    (True, True)
    """
    bits, smallest = FORMATS[dtype]
    exponent = math.frexp(x)[1] - 1 if x else smallest
    return math.ldexp(1.0, max(exponent, smallest) - bits + 1)


@dataclass(frozen=True)
class Error:
    """How far a value or a gradient is off; infinite where what was found is not finite."""

    relative: float
    ulp: float


NOT_FINITE = Error(math.inf, math.inf)


def value_error(found: float, wanted: Decimal, dtype: str) -> Error:
    """Relative to, and in ulp of, the larger of |wanted| and `SMALL`."""
    if not math.isfinite(found):
        return NOT_FINITE
    apart = float(abs(Decimal(found) - wanted))
    size = max(abs(float(wanted)), SMALL)
    return Error(apart / size, apart / ulp(size, dtype))


def gradient_error(found: Array, wanted: Array, dtype: str, underflow: float) -> Error:
    """The largest error of an entry, relative to and in ulp of the largest entry that is wanted.

    `wanted` holds `Decimal`; an error of up to `underflow` is none.
    """
    if not np.isfinite(found).all():
        return NOT_FINITE
    pairs = zip(found.ravel().tolist(), wanted.flat, strict=True)
    apart = max(float(abs(Decimal(x) - y)) for x, y in pairs)
    if apart <= underflow:
        return Error(0.0, 0.0)
    largest = float(max(abs(y) for y in wanted.flat))
    return Error(apart / largest if largest else math.inf, apart / ulp(largest, dtype))


def spread(found: list[Array], scale: float) -> float:
    """Return the largest difference between any two arrays, over a scale; 0 where all are 0."""
    stacked = np.stack(found)
    if not np.isfinite(stacked).all():
        return math.inf
    apart = float((stacked.max(axis=0) - stacked.min(axis=0)).max())
    return apart / scale if apart else 0.0


def neighbours(x: Array) -> Array:
    """Map float32 numbers to integers that differ by one between neighbours.

    What is below the normal numbers counts as 0, which some compilers make of it.
    """
    normal = np.where(np.abs(x) < np.finfo(np.float32).tiny, np.float32(0), x)
    integers = np.asarray(normal, np.float32).view(np.int32).astype(np.int64)
    return np.where(integers < 0, np.iinfo(np.int32).min - integers, integers)
