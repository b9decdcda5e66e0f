"""Exponentials and logarithms for Triton kernels, accurate to about an ulp.

Compiled for a GPU they are those of CUDA's libdevice, for which NVIDIA states at most 2 ulp (below
the normal numbers float32 becomes 0). Triton's own `tl.exp` in float32 is `ex2.approx` of a rounded
product, off by up to some |x| ulp. Triton's interpreter has no libdevice: there they are NumPy's
`exp` and `log`, and formulas on top of them. So tests under the interpreter say nothing of
libdevice's accuracy, nor of that of `/` in float32, for which NVIDIA states 2 ulp too.
"""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra import libdevice

INTERPRETED = tl.constexpr(triton.knobs.runtime.interpret)


@triton.jit
def exp(x):
    """e^x."""
    if INTERPRETED:
        y = tl.exp(x)
    else:
        y = libdevice.exp(x)
    return y


@triton.jit
def log(x):
    """The natural logarithm of x."""
    if INTERPRETED:
        y = tl.log(x)
    else:
        y = libdevice.log(x)
    return y


@triton.jit
def log1p(x):
    """log(1 + x), which keeps its digits near 0, for x ≥ 0.

    With u = 1 + x rounded, x log(u) / (u − 1): the rounding of u cancels between log(u) and u − 1.
    """
    if INTERPRETED:
        u = 1 + x
        y = tl.where(u == 1, x, x * (tl.log(u) / tl.where(u == 1, 1, u - 1)))
    else:
        y = libdevice.log1p(x)
    return y


@triton.jit
def expm1(x):
    """e^x − 1, which keeps its digits near 0.

    With u = e^x rounded, x (u − 1) / log(u) up to |x| = 1: the rounding of u cancels likewise.
    """
    if INTERPRETED:
        u = tl.exp(x)
        near = (tl.abs(x) < 1) & (u != 1)
        ratio = (u - 1) / tl.where(near, tl.log(u), 1)
        y = tl.where(near, x * ratio, tl.where(u == 1, x, u - 1))
    else:
        y = libdevice.expm1(x)
    return y


@triton.jit
def reciprocal(x):
    """1 / x for x from 1 to 2⁶⁴.

    In float32 `/` is CUDA's approximate division, so one step of Newton's method follows. The exact
    division would do, but brings a subroutine for x near 0 and ∞, and saves registers around it.
    """
    y = 1 / x
    if x.dtype == tl.float32:
        y = tl.fma(tl.fma(-x, y, 1.0), y, y)
    return y
