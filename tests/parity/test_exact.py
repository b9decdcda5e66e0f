"""`precision="exact"`: the same bits on every backend, and those of 50 digits rounded once."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.cases import CASES, FEWEST, LOSSES, Case
from unifocal.certificate import oracle
from unifocal.certificate.backends import Backend
from unifocal.certificate.bounds import APART
from unifocal.certificate.errors import neighbours

EAGER = [b for b in Backend if b.mode == "eager"]
CALLS = [
    pytest.param(loss, case, backend, id=f"{loss}-{case.name}-{backend.name}")
    for loss in LOSSES
    for case in CASES
    for backend in EAGER
    if case.dtype == np.float32 and ((loss, case.name) in FEWEST or not backend.compiles)
]


def assert_identical(found: np.ndarray, wanted: np.ndarray) -> None:
    """All but a few entries in a million are equal, and those are neighbours."""
    apart = np.abs(neighbours(found) - neighbours(wanted))
    assert apart.max() <= 1
    assert (apart > 0).sum() <= np.ceil(apart.size * APART * 1e-6)


@cache
def volume() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    z = rng.normal(scale=4, size=(2, 3, 50000)).astype("float32")
    return z, rng.integers(0, 3, size=(2, 50000))


@cache
def by_numpy(loss: str) -> tuple[np.ndarray, np.ndarray]:
    return Backend.NUMPY.value_and_grad(loss, *volume(), axis=1, precision="exact")


@pytest.mark.parametrize("backend", [b for b in Backend if b is not Backend.NUMPY])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_same_bits_everywhere(backend: Backend, loss: str) -> None:
    value, gradient = backend.value_and_grad(loss, *volume(), axis=1, precision="exact")
    wanted, by_logits = by_numpy(loss)
    assert value.dtype == np.float32
    assert value.tobytes() == wanted.tobytes()
    assert_identical(gradient, by_logits)


@pytest.mark.parametrize(("loss", "case", "backend"), CALLS)
def test_fifty_digits_rounded_once(loss: str, case: Case, backend: Backend) -> None:
    call = case.keywords() | case.hyper(loss)
    value, gradient = backend.value_and_grad(loss, *case.arrays(), **call, precision="exact")
    wanted, by_logits = oracle.value_and_grad(loss, *case.arrays(), **call)
    assert value == np.float32(wanted)
    # An entry that is the small difference of large ones has fewer digits than float32 has.
    noise = 1e-13 * np.abs(by_logits).max()
    apart = np.abs(neighbours(gradient) - neighbours(by_logits.astype("float32")))
    assert (apart[np.abs(by_logits) * 1e-8 > noise] == 0).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_exact_keeps_the_dtypes(dtype: str) -> None:
    z, t = np.zeros((1, 2, 4), dtype), np.zeros((1, 4), int)
    value, gradient = Backend.NUMPY.value_and_grad("dice", z, t, precision="exact")
    assert gradient.dtype == z.dtype
    assert value.dtype == np.result_type(dtype, np.float32)
