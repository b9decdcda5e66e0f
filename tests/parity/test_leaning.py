"""Roundings that lean to one side add up, as in a blank image, unless terms are in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.parity.leaning import LOSS, PIXELS, hold_kinds
from tests.precision import EAGER
from unifocal.certificate.backends import Backend
from unifocal_numpy import engine
from unifocal_numpy.losses import KERNELS
from unifocal_spec import OPTIONS


@pytest.mark.parametrize("backend", Backend, ids=lambda b: b.name)
def test_pixels_of_few_kinds(backend: Backend) -> None:
    hold_kinds(backend)


@pytest.mark.parametrize("backend", EAGER, ids=lambda b: b.name)
def test_of_infinite_logits_nothing_is_seen(backend: Backend) -> None:
    """Nor does anything warn."""
    z = np.full((1, 2, PIXELS), np.inf, "float32")
    value, _ = backend.value_and_grad(LOSS, z, np.zeros((1, PIXELS), int), axis=1)
    assert np.isnan(value)


# What is seen -------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
RANDOM = RNG.normal(size=(1, 2, PIXELS)).astype("float32")
BLANK = np.broadcast_to(np.float32([[[0.3], [-0.8]]]), RANDOM.shape)
SURE = RANDOM + np.float32([[[20], [0]]])
PLACE = RNG.random(PIXELS)
WIDE, NARROW = np.dtype("float64"), np.dtype("float32")


def dtype_of_sums(
    z: np.ndarray, t: np.ndarray | None = None, w: np.ndarray | None = None, **keywords: Any
) -> np.dtype[Any]:
    """The dtype of the terms of Focal that are summed."""
    kernel = KERNELS["focal"]
    t = np.zeros((z.shape[0], z.shape[2]), int) if t is None else t
    options = {k: v for k, v in OPTIONS.items() if k != "weight"} | {"axis": 1} | keywords
    plan = engine._plan(kernel, z, t, w, {"gamma": 4.5}, options)
    with np.errstate(all="ignore"):
        return engine._sums_dtype(kernel, plan, z, t, w)


@pytest.mark.parametrize(
    ("z", "wanted"),
    [
        (RANDOM, NARROW),
        (BLANK, WIDE),
        (np.full_like(BLANK, np.nan), NARROW),
        (np.full_like(BLANK, np.inf), NARROW),
        (np.where(PLACE < 0.05, BLANK, RANDOM), NARROW),  # too few to be most of the loss
        (np.where(PLACE < 0.05, BLANK, SURE), WIDE),
        (np.where(PLACE < 0.01, BLANK, SURE), WIDE),
        (np.where(PLACE < 0.01, RANDOM, SURE), NARROW),
        (np.where(np.arange(PIXELS) % 128 < 3, BLANK, SURE), WIDE),  # a stripe
        (np.where(np.arange(PIXELS) % 160 == 7, BLANK, SURE), WIDE),
        (np.where(np.arange(PIXELS) < 500, BLANK, SURE), WIDE),  # a corner
        (np.concatenate([SURE, np.where(PLACE < 0.05, BLANK, SURE)]), WIDE),
    ],
    ids=[
        *("random", "blank", "nan", "inf", "some", "most", "few", "various"),
        *("stripe", "line", "corner", "sample"),
    ],
)
def test_what_leans(z: np.ndarray, wanted: np.dtype[Any]) -> None:
    assert dtype_of_sums(z) == wanted


def test_of_ignored_pixels_nothing_is_seen() -> None:
    z, blank = np.where(PLACE < 0.05, BLANK, SURE), (PLACE < 0.05)[None]
    assert dtype_of_sums(z, w=(~blank).astype("float32")) == NARROW
    assert dtype_of_sums(z, np.where(blank, 9, 0), ignore_index=9) == NARROW
    assert dtype_of_sums(z, w=np.ones_like(blank, "float32")) == WIDE


def test_a_sample_leans_for_itself_where_it_has_a_loss_for_itself() -> None:
    """With the loss of a thousand others it makes no difference."""
    one = np.where(PLACE < 0.01, BLANK, SURE)
    z = np.concatenate([one, RANDOM, RANDOM])
    assert dtype_of_sums(z) == NARROW
    assert dtype_of_sums(z, reduction="none") == WIDE
    assert dtype_of_sums(z, reduction="none", over="batch") == NARROW


def test_channels_lean_each_for_itself() -> None:
    channel = np.where(PLACE < 0.01, np.float32(0.3), np.float32(-20) + RANDOM[:, :1])
    z, t = np.concatenate([channel, RANDOM[:, 1:]], axis=1), np.zeros_like(RANDOM)
    assert dtype_of_sums(z, t, activation="sigmoid", reduction="none") == WIDE
    assert dtype_of_sums(RANDOM, t, activation="sigmoid", reduction="none") == NARROW
