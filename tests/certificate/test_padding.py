"""A padded case is the same case."""

from __future__ import annotations

import numpy as np
import pytest

from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate import golden, padding
from unifocal.certificate.backends import Backend
from unifocal.certificate.measure import padded_vectors
from unifocal_spec import LOSSES

WANTED = {
    "defaults",
    "ignore_index and weight",
    "weight of one row for all samples",
    "absent classes, include",
    "uniform prediction",
    "one sample ignored",
    "everything ignored",
    "saturated ±20, right",
    "saturated ±20, wrong",
    "saturated ±100, right",
    "saturated ±100, wrong",
}


def test_the_cases_that_fit() -> None:
    assert {vector.name for vector in padded_vectors()} == WANTED


@pytest.mark.parametrize("loss", LOSSES)
def test_what_fits_for_one_loss_fits_for_all(loss: str) -> None:
    assert {vector.name for vector in golden.load(loss) if padding.fits(vector)} == WANTED


@pytest.mark.parametrize("loss", LOSSES)
def test_padding_changes_nothing(loss: str) -> None:
    for vector in filter(padding.fits, golden.load(loss)):
        arrays = padding.pad(vector, 20)
        value, gradient = Backend.NUMPY.value_and_grad(loss, *arrays)
        scale, (z, _, w) = padding.scale(vector), arrays
        assert_value(value * scale, float(vector.value), z.dtype)
        cut = padding.cut(gradient, vector) * scale
        assert_gradient(cut, vector.gradient.astype(float), z.dtype)
        assert not gradient[np.broadcast_to(w[:, None] == 0, z.shape)].any()
