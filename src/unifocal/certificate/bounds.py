"""How near is equal: the bounds of the project, in one place."""

from __future__ import annotations

VALUE = {"float64": 5e-14, "float32": 2.4e-7}
"""|found − wanted| of a value may be this times the larger of |wanted| and `SMALL`."""

GRADIENT = {"float64": 1e-13, "float32": 5e-6}
"""|found − wanted| of a gradient's entry may be this times its largest entry.

Entries below the smallest normal number of the dtype count as 0.
"""

SMALL = 0.01
"""Losses below this are held to an absolute bound."""
