"""float64 in JAX, which has it only where it is switched on."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

from tests.frameworks import Backend

EAGER = [Backend.NUMPY, Backend.TORCH, Backend.JAX, Backend.TENSORFLOW]
"""Every framework once."""


def jax_x64(on: bool) -> AbstractContextManager[object]:
    """Switch float64 on or off in JAX, under the name that this version has for it."""
    import jax

    switch = getattr(jax, "enable_x64", None)
    if switch is None:
        from jax.experimental import enable_x64 as switch
    return switch(on)


def float64(backend: Backend) -> AbstractContextManager[object]:
    """Make float64 arrays possible; skip where the framework is missing."""
    backend.losses()
    return jax_x64(True) if backend.framework == "jax" else contextlib.nullcontext()
