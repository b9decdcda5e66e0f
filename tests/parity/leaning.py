"""Pixels of a few kinds: those of a kind round alike, so that their roundings lean to one side."""

from __future__ import annotations

import numpy as np

from tests.parity.bounds import assert_value
from unifocal.certificate import oracle
from unifocal.certificate.backends import Backend
from unifocal.engine.pixels import CHEAP

CLASSES = 3
PIXELS = CHEAP + 8
LOSS, KEYWORDS = "focal", {"gamma": 4.5}
"""A loss with a power by which the rounding of a logarithm grows."""

SHARES = [(1.0,), (0.4, 0.3, 0.3), (0.05, 0.95), (0.01, 0.99)]
"""The parts of all pixels that each kind has; of two kinds the larger is of confident pixels."""


def hold_kinds(backend: Backend) -> None:
    """Hold the loss of pixels of few kinds to that of one of each, in 50 digits."""
    run = backend.runner(LOSS, axis=1, **KEYWORDS)
    rng = np.random.default_rng(0)
    for shares in SHARES * 10:
        kinds = len(shares)
        kind = np.searchsorted(np.cumsum(shares)[:-1], rng.permutation(PIXELS) / PIXELS, "right")
        weight = np.bincount(kind, minlength=kinds)[None].astype("float64")
        z = rng.normal(scale=2, size=(1, CLASSES, kinds)).astype("float32")
        t = rng.integers(0, CLASSES, size=(1, kinds))
        if kinds == 2:
            z[0, t[0, 1], 1] += 20
        wanted, _ = oracle.value_and_grad(LOSS, z.astype("float64"), t, weight, **KEYWORDS)
        value, _ = run(z[..., kind], t[..., kind], None)
        assert_value(value, wanted, z.dtype)
