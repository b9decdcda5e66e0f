"""Pixels of a few kinds: those of a kind round alike."""

from __future__ import annotations

import numpy as np

from tests.parity.bounds import assert_value
from unifocal.certificate import oracle
from unifocal.certificate.backends import Backend
from unifocal.engine.pixels import FEW

CLASSES = 3
PIXELS = FEW + 8
LOSS, KEYWORDS = "focal", {"gamma": 4.5}
"""A loss with a power by which the rounding of a logarithm grows."""


def hold_kinds(backend: Backend) -> None:
    """Hold the loss of pixels of one or of three kinds to that of one of each, in 50 digits."""
    run = backend.runner(LOSS, axis=1, **KEYWORDS)
    rng = np.random.default_rng(0)
    for number in [1, 3] * 15:
        kind = np.arange(PIXELS) % number
        share = np.bincount(kind)[None].astype("float64")
        z = rng.normal(scale=2, size=(1, CLASSES, number)).astype("float32")
        t = rng.integers(0, CLASSES, size=(1, number))
        wanted, _ = oracle.value_and_grad(LOSS, z.astype("float64"), t, share, **KEYWORDS)
        value, _ = run(z[..., kind], t[..., kind], None)
        assert_value(value, wanted, z.dtype)
