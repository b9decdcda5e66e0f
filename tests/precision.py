"""float64 in JAX, which has it only where it is switched on."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from importlib import import_module

from unifocal.certificate.backends import Backend

EAGER = [Backend.NUMPY, Backend.TORCH, Backend.JAX, Backend.TENSORFLOW]
"""Every framework once."""


def float64(backend: Backend) -> AbstractContextManager[object]:
    """Make float64 arrays possible; skip where the framework is missing."""
    backend.losses()
    return (
        import_module("unifocal_jax.namespace").x64(True)
        if backend.framework == "jax"
        else contextlib.nullcontext()
    )
