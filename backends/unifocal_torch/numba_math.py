"""Exponentials and logarithms for Numba's kernels, accurate to about an ulp.

Numba calls the C library's, one number after the other. These are arithmetic on floats and on their
bits without a branch, of which LLVM makes vector instructions. Polynomials are Chebyshev fits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic, overload

OPTIONS = {
    "error_model": "numpy",
    # Only kernels are called by Python, and what it calls them through takes time to compile.
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}

inner = partial(njit, **OPTIONS)
"""Compiles what compiled code alone calls."""

FUSED = OPTIONS | {"fastmath": {"contract"}}
"""A product and a sum may be rounded once, where the processor can: here that only makes errors
smaller."""


@dataclass(frozen=True)
class Format:
    """A floating-point format, and what the functions need to know of it."""

    real: Any
    integer: Any
    """Integers of the same width."""
    digits: int
    """Bits of the significand that are stored."""
    bias: int
    """The exponent that is stored for 1."""
    least: float
    """What is below has the exponential 0."""
    largest: float
    """What is above has the exponential ∞."""
    ln2: tuple[float, float]
    """log 2, its first part so short that integers times it are exact."""
    exponential: tuple[float, ...]
    """The coefficients of (e^r − 1 − r) / r² for |r| ≤ ½ log 2."""
    logarithm: tuple[float, ...]
    """The coefficients of (artanh(s) / s − 1) / s² by s² for |s| ≤ (√2 − 1) / (√2 + 1)."""


FORMATS = {
    types.float32: Format(
        np.float32,
        np.int32,
        23,
        127,
        -104.0,
        89.0,
        (0.693145751953125, 1.4286068203094173e-06),
        (
            0.500000001346581,
            0.16666666681623232,
            0.041666464925285904,
            0.0083333109254809,
            0.0013933649996309251,
            0.00019890990824673654,
        ),
        (0.33333333277021004, 0.20000061105905326, 0.14275389316595982, 0.11665807235921749),
    ),
    types.float64: Format(
        np.float64,
        np.int64,
        52,
        1023,
        -746.0,
        710.0,
        (0.6931471805598903, 5.497923018708371e-14),
        (
            0.5,
            0.1666666666666667,
            0.04166666666666667,
            0.008333333333326136,
            0.0013888888888883748,
            0.00019841269874820627,
            2.4801587325547743e-05,
            2.7557255400206422e-06,
            2.75572736431103e-07,
            2.5105217004720745e-08,
            2.0914686968086876e-09,
        ),
        (
            0.3333333333333335,
            0.19999999999949444,
            0.14285714313126918,
            0.11111105544689748,
            0.09091446216268435,
            0.07665805861027504,
            0.07308903576708663,
        ),
    ),
}


_SAME_WIDTH = {
    types.float32: types.int32,
    types.float64: types.int64,
    types.int32: types.float32,
    types.int64: types.float64,
}


@intrinsic
def bits_as(context, x):
    """The bits of a float as an integer, or those of an integer as a float."""

    def cast(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))

    return _SAME_WIDTH[x](x), cast


def _horner(real: Any, coefficients: tuple[float, ...]) -> Callable[..., Any]:
    """Return a polynomial, spelled out so that nothing of it is left to a loop."""
    expression = f"c{len(coefficients) - 1}"
    for i in reversed(range(len(coefficients) - 1)):
        expression = f"c{i} + x * ({expression})"
    names: dict[str, Any] = {f"c{i}": real(c) for i, c in enumerate(coefficients)}
    exec(f"def polynomial(x):\n    return {expression}", names)
    return njit(**FUSED)(names["polynomial"])


def _functions(f: Format) -> dict[str, Callable[..., Any]]:
    """Return the functions of a format. Integers are cast because Numba widens their sums."""
    real, integer, digits, bias = f.real, f.integer, f.integer(f.digits), f.integer(f.bias)
    least, largest, one, two, half = map(real, (f.least, f.largest, 1, 2, 0.5))
    inverse = real(1 / np.log(2))
    ln2_high, ln2_low = map(real, f.ln2)
    # Added to a small number it leaves no bits for a fraction: the sum's last bits are an integer.
    rounder = real(1.5 * 2.0**f.digits)
    rounder_bits = rounder.view(integer)
    root_bits = real(np.sqrt(0.5)).view(integer)
    by_exponential = _horner(real, f.exponential)
    by_logarithm = _horner(real, f.logarithm)

    @njit(**FUSED)
    def reduce(x):
        """Return n and e^r − 1 such that x = n log 2 + r, in range."""
        x = least if x < least else x
        x = largest if x > largest else x  # nan stays
        shifted = x * inverse + rounder
        n = shifted - rounder
        r = (x - n * ln2_high) - n * ln2_low
        return integer(bits_as(shifted) - rounder_bits), r + r * r * by_exponential(r)

    @inner
    def power(n):
        """2^n."""
        return bits_as(integer(integer(n + bias) << digits))

    def exp(x):
        n, y = reduce(x)
        first = integer(n >> integer(1))  # 2^n alone may not be a normal number
        return (y + one) * power(first) * power(integer(n - first))

    def expm1(x):
        n, y = reduce(x)
        first = integer(n >> integer(1))
        rest = integer(n - first)
        a = power(first)
        return (y * a + (a - power(integer(-rest)))) * power(rest)

    def log(x):
        bits = bits_as(x)
        n = integer(integer(bits - root_bits) >> digits)
        y = bits_as(integer(bits - integer(n << digits))) - one
        s = y / (two + y)
        square = half * y * y
        z = s * s
        tail = s * (square + two * z * by_logarithm(z))
        n = real(n)
        # x − x is nan where x is nan, whose bits look like a number's.
        return n * ln2_high - ((square - (tail + n * ln2_low)) - y) + (x - x)

    def log1p(x):
        u = one + x
        return logarithm(u) + (x - (u - one)) / u

    logarithm = njit(**FUSED)(log)
    return {"exp": exp, "expm1": expm1, "log": log, "log1p": log1p}


def exp(x):
    """e^x, up to ∞ and down to 0."""
    raise NotImplementedError("only compiled code calls this")


def expm1(x):
    """e^x − 1, which keeps its digits near 0."""
    raise NotImplementedError("only compiled code calls this")


def log(x):
    """The natural logarithm of a normal number."""
    raise NotImplementedError("only compiled code calls this")


def log1p(x):
    """log(1 + x), which keeps its digits near 0, for x ≥ 0."""
    raise NotImplementedError("only compiled code calls this")


_BY_TYPE = {kind: _functions(f) for kind, f in FORMATS.items()}


def _overload(function: Callable[..., Any]) -> None:
    @overload(function, jit_options=FUSED)
    def choose(x):
        return _BY_TYPE[x][function.__name__] if x in _BY_TYPE else None


for _function in (exp, expm1, log, log1p):
    _overload(_function)
del _function


@inner
def where(condition, x, y):
    """X where the condition holds, else y; both are known, so that nothing branches."""
    return x if condition else y
