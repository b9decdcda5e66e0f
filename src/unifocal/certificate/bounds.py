"""How near is equal: the bounds of the project, in one place.

The keys are dtypes of logits, and `"exact"`: float32 logits with `precision="exact"`.
"""

from __future__ import annotations

VALUE = {
    "float64": 5e-14,
    "float32": 2.4e-7,
    # Half-precision logits are calculated with in float32, and their loss is float32.
    "float16": 2.4e-7,
    "bfloat16": 2.4e-7,
    "exact": 2.0**-24,
}
"""|found − wanted| of a value may be this times the larger of |wanted| and `SMALL`."""

GRADIENT = {
    "float64": 1e-13,
    "float32": 5e-6,
    # That of float32, rounded once.
    "float16": 2.0**-11 + 5e-6,
    "bfloat16": 2.0**-8 + 5e-6,
    "exact": 2.0**-24 + 1e-13,
}
"""|found − wanted| of a gradient's entry may be this times its largest entry."""

UNDERFLOW = {
    "float64": 2.0**-1022,
    "float32": 2.0**-126,
    "float16": 2.0**-25,
    "bfloat16": 2.0**-126,
    "exact": 2.0**-126,
}
"""An entry of a gradient may be off by this besides: below the normal numbers it may become 0.

A float16 keeps its subnormal numbers, whose spacing is twice this.
"""

SMALL = 0.01
"""Losses below this are held to an absolute bound."""

MISROUNDED = 0
"""How many entries of half-precision gradients may differ from those of float32 rounded once, and
how many exact values from those of 50 digits."""

APART = 10
"""How many in a million entries of any two backends' exact gradients may differ, by one ulp each.

Float64 logarithms and exponentials differ in their last bit between libraries; once in some 1e5
entries that moves a number across the middle between two neighbours in float32.
"""
