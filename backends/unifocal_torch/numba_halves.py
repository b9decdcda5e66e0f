"""Half-precision numbers for Numba's kernels, which know neither of the two formats.

Both are known by their bits. Arithmetic on those has no branch, so that LLVM makes vector
instructions of it.
"""

from __future__ import annotations

import numpy as np

from unifocal_torch.numba_math import bits_as, inner

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
def from_float16(bits):
    """Return the float32 of these bits."""
    magnitude = np.int32(bits & _MAGNITUDE)
    wide = np.int32((magnitude << np.int32(13)) + _REBIAS)
    wide = np.int32(wide + _REBIAS) if magnitude >= _HALF_INF else wide
    small = np.float32(magnitude) * _STEP
    x = small if magnitude < _HALF_NORMAL else bits_as(wide)
    return -x if bits & _SIGN else x


@inner
def from_bfloat16(bits):
    """Return the float32 of these bits."""
    return bits_as(np.int32(np.int32(bits) << np.int32(16)))


@inner
def _split(x):
    """Return where a half-precision number has its sign, and the bits of |x| as a float32."""
    bits = bits_as(np.float32(x))
    return np.int32((bits >> np.int32(16)) & _SIGN), np.int32(bits & np.int32(0x7FFFFFFF))


@inner
def to_float16(x):
    """Return the bits of the nearest float16, the even one of two."""
    sign, magnitude = _split(x)
    odd = np.int32((magnitude >> np.int32(13)) & np.int32(1))
    rounded = np.int32(np.int32(magnitude - _REBIAS + np.int32(0xFFF) + odd) >> np.int32(13))
    small = np.int32(bits_as(bits_as(magnitude) + _ALIGNED) - bits_as(_ALIGNED))
    half = small if magnitude < _NORMAL else rounded
    half = _HALF_INF if magnitude >= _OVERFLOW else half
    return np.uint16(sign | (_HALF_NAN if magnitude > _FLOAT_INF else half))


@inner
def to_bfloat16(x):
    """Return the bits of the nearest bfloat16, the even one of two."""
    sign, magnitude = _split(x)
    odd = np.int32((magnitude >> np.int32(16)) & np.int32(1))
    # Beyond the largest number these are the infinity's bits.
    rounded = np.int32(np.int32(magnitude + np.int32(0x7FFF) + odd) >> np.int32(16))
    return np.uint16(sign | (_BRAIN_NAN if magnitude > _FLOAT_INF else rounded))
