"""Half-precision numbers for Numba's kernels, which know neither of the two formats.

An array shows their bits as uint16; whether they are bfloat16's or float16's is told beside it.
Arithmetic on those bits has no branch, so that LLVM makes vector instructions of it.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from unifocal_torch.numba_math import OPTIONS, bits_as, inner

_REBIAS = np.int32((127 - 15) << 23)
"""What the exponents stored by float32 and by float16 differ by, where float32 stores it."""
_MAGNITUDE, _SIGN = np.int32(0x7FFF), np.int32(0x8000)
_HALF_INF, _HALF_NORMAL = np.int32(0x7C00), np.int32(0x0400)
_HALF_NAN, _BRAIN_NAN = np.int32(0x7E00), np.int32(0x7FC0)

_FLOAT_INF = np.int32(0x7F800000)
_OVERFLOW = np.float32(65520).view(np.int32)
"""From here on the nearest float16 is ∞."""
_NORMAL = np.float32(2.0**-14).view(np.int32)
"""float16's smallest normal number."""
_ALIGNED = np.float32(0.5)
"""Added to a number below, it leaves the bits of a float16, rounded to even by the processor."""
_STEP = np.float32(2.0**-24)
"""float16's smallest number."""


@inner
def _from_half(bits):
    magnitude = np.int32(bits & _MAGNITUDE)
    wide = np.int32((magnitude << np.int32(13)) + _REBIAS)
    wide = np.int32(wide + _REBIAS) if magnitude >= _HALF_INF else wide
    small = np.float32(magnitude) * _STEP
    return small if magnitude < _HALF_NORMAL else bits_as(wide)


@inner
def _to_half(magnitude):
    odd = np.int32((magnitude >> np.int32(13)) & np.int32(1))
    rounded = np.int32(np.int32(magnitude - _REBIAS + np.int32(0xFFF) + odd) >> np.int32(13))
    small = np.int32(bits_as(bits_as(magnitude) + _ALIGNED) - bits_as(_ALIGNED))
    half = small if magnitude < _NORMAL else rounded
    half = _HALF_INF if magnitude >= _OVERFLOW else half
    return _HALF_NAN if magnitude > _FLOAT_INF else half


@inner
def _to_brain(magnitude):
    odd = np.int32((magnitude >> np.int32(16)) & np.int32(1))
    # Beyond the largest number this is the infinity's bits.
    rounded = np.int32(np.int32(magnitude + np.int32(0x7FFF) + odd) >> np.int32(16))
    return _BRAIN_NAN if magnitude > _FLOAT_INF else rounded


@inner
def decode(bits, brain):
    """Return the float32 of these bits."""
    bits = np.int32(bits)
    if brain:
        return bits_as(np.int32(bits << np.int32(16)))
    x = _from_half(bits)
    return -x if bits & _SIGN else x


@inner
def encode(x, brain):
    """Return the bits of a float32, rounded once, to even."""
    bits = bits_as(x)
    sign = np.int32((bits >> np.int32(16)) & _SIGN)
    magnitude = np.int32(bits & np.int32(0x7FFFFFFF))
    return np.uint16(sign | (_to_brain(magnitude) if brain else _to_half(magnitude)))


def number(x, brain):
    """What an entry of an array stands for."""
    raise NotImplementedError("only compiled code calls this")


def entry(x, array, brain):
    """Return what stands for x in an array."""
    raise NotImplementedError("only compiled code calls this")


@overload(number, jit_options=OPTIONS)
def _number(x, brain):
    if x is types.uint16:
        return lambda x, brain: decode(x, brain)
    return lambda x, brain: x


@overload(entry, jit_options=OPTIONS)
def _entry(x, array, brain):
    if array.dtype is types.uint16:
        return lambda x, array, brain: encode(np.float32(x), brain)
    return lambda x, array, brain: array.dtype.type(x)
