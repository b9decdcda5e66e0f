"""In which precision backends compute: float64 in JAX, and the terms of few pixels in float32."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module

import pytest

from unifocal.certificate.backends import Backend
from unifocal.engine import pixels

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


@contextmanager
def native_terms(backend: Backend) -> Iterator[None]:
    """Let terms be summed in the precision of the logits, as those of many pixels are.

    JAX would else go on with programs that were traced before, and afterwards with these.
    """
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in (("FEW", 0), ("CHEAP", 0), ("LEANING", math.inf)):
            monkeypatch.setattr(pixels, name, value)
        _forget_programs(backend)
        yield
    _forget_programs(backend)


def _forget_programs(backend: Backend) -> None:
    if backend.framework == "jax":
        import_module("unifocal_jax.engine")._program.cache_clear()
