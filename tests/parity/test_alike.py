"""Roundings of pixels that are alike add up, as of those of a blank image, unless in float64."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.parity.alike import PIXELS, hold_kinds
from unifocal.certificate.backends import Backend
from unifocal.engine.pixels import pixels_alike
from unifocal_numpy import namespace as xp


@pytest.mark.parametrize("backend", Backend, ids=lambda b: b.name)
def test_pixels_of_few_kinds(backend: Backend) -> None:
    hold_kinds(backend)


# What is alike ------------------------------------------------------------------------------------

RANDOM = np.random.default_rng(0).normal(size=(1, 2, PIXELS))
BLANK = np.zeros((1, 2, PIXELS))
PLACE = np.random.default_rng(1).random(PIXELS)


def alike(z: np.ndarray, activation: str = "softmax") -> bool:
    plan: Any = SimpleNamespace(activation=activation)
    return bool(pixels_alike(xp, plan, z))


@pytest.mark.parametrize(
    ("z", "wanted"),
    [
        (RANDOM, False),
        (BLANK, True),
        (np.full_like(BLANK, np.nan), False),
        (RANDOM[..., np.arange(PIXELS) % 5], True),
        (np.where(PLACE < 0.5, BLANK, RANDOM), True),
        (np.where(PLACE < 0.1, BLANK, RANDOM), False),
        (np.concatenate([RANDOM, BLANK], axis=0), True),
        (RANDOM[..., :1], False),
        (RANDOM[..., :2], False),
        (BLANK[..., :2], True),
    ],
    ids=["random", "blank", "nan", "kinds", "half", "tenth", "sample", "one", "two", "pair"],
)
def test_what_is_alike(z: np.ndarray, wanted: bool) -> None:
    assert alike(z) == wanted


def test_channels_are_alike_each_for_itself() -> None:
    one_blank = np.concatenate([BLANK[:, :1], RANDOM[:, 1:]], axis=1)
    assert alike(one_blank, "sigmoid")
    assert not alike(one_blank, "softmax")
    assert not alike(RANDOM, "sigmoid")
