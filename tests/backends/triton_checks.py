"""Triton's kernels, run by Triton's interpreter or, where there is one, by a GPU.

Triton reads `TRITON_INTERPRET` when a kernel is defined, so `test_triton.py` runs this file in a
process for each. Every call here asserts that the kernels ran, or that they did not.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import mpmath
import numpy as np
import pytest
import torch
import triton
import triton.language as tl

import unifocal_torch as ut
from tests.backends.kernel_checks import *  # noqa: F403
from tests.backends.kernel_checks import EVERY_KIND, EVERY_LOSS, GOLDEN, Way, doubles, vector_name
from tests.parity.bounds import assert_value
from unifocal.certificate.bounds import GRADIENT
from unifocal.certificate.golden import Golden
from unifocal.engine.pixels import CHEAP
from unifocal_torch import triton_engine, triton_math, triton_terms

DEVICE = "cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda"


@contextmanager
def taken() -> Iterator[Way]:
    """Within it, Triton's kernels take what they cover."""
    with Way(triton_engine, ut.use_triton, DEVICE).taken() as triton_way, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, the interpreter, of infinities
        yield triton_way


@pytest.fixture(autouse=True)
def way() -> Iterator[Way]:
    with taken() as triton_way:
        yield triton_way


# Against 50 digits --------------------------------------------------------------------------------


def hold(way: Way, vector: Golden, dtype: str, precision: str = "native") -> None:
    value, gradient = way.run_golden(vector, dtype, precision)
    bound = "exact" if precision == "exact" else dtype
    assert_value(value.sum(), float(vector.value), np.dtype(str(value.dtype)[6:]))
    wanted = vector.gradient.astype(float)
    error = np.abs(gradient.double().numpy() - wanted).max()
    # The interpreter truncates to bfloat16, where a GPU rounds to nearest: see the compiled code.
    truncated = dtype == "bfloat16" and DEVICE == "cpu"
    allowed = GRADIENT[bound] * (2 if truncated else 1)
    smallest = torch.finfo(getattr(torch, dtype)).smallest_normal
    assert error <= allowed * np.abs(wanted).max() + smallest


@pytest.mark.parametrize("vector", GOLDEN, ids=vector_name)
def test_golden_values_in_float64(way, vector):
    hold(way, vector, "float64")


DEFAULTS = [v for v in GOLDEN if v.name in ("defaults", "soft target", "one sigmoid channel")]


# Of all vectors, float32 is tested next door: of so few pixels only its gradient is computed in it.
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("vector", DEFAULTS, ids=vector_name)
def test_golden_values_in_less_precision(way, vector, dtype):
    hold(way, vector, dtype)


@pytest.mark.parametrize("vector", DEFAULTS, ids=vector_name)
def test_golden_values_when_exact(way, vector):
    hold(way, vector, "float32", "exact")


# Against tensor code ------------------------------------------------------------------------------


@EVERY_LOSS
@pytest.mark.parametrize("classes", [2, 5, 8])
def test_several_tiles(way, name, classes):
    way.hold_to_blocks(name, *doubles(17, 11, samples=3, classes=classes))


@EVERY_KIND
def test_a_label_out_of_range_is_nan(way, name):
    z, t = doubles(9, 5)
    t[1, 2, 3] = 3
    value, gradient = way.run(name, z, t, reduction="none")
    assert value.isnan().tolist() == [False, True]
    assert gradient[0].isfinite().all()
    assert gradient[1].isnan().all()
    value, gradient = way.run(name, z, t, ignore_index=3)
    assert value.isfinite()
    assert gradient.isfinite().all()


# Determinism --------------------------------------------------------------------------------------


@EVERY_KIND
@pytest.mark.parametrize("size", [64, 2048])
def test_the_size_of_a_tile_does_not_matter(way, monkeypatch, name, size):
    z, t = doubles(25, 23)
    value, gradient = way.run(name, z, t)
    monkeypatch.setattr(triton_engine, "tile", lambda *_: {"BLOCK": size, "num_warps": 4})
    again, other = way.run(name, z, t)
    assert float(again) == pytest.approx(float(value), rel=1e-15)
    torch.testing.assert_close(other, gradient, rtol=1e-14, atol=1e-15 * float(gradient.max()))


# What is left to tensor code ----------------------------------------------------------------------


def test_switched_off(way, monkeypatch):
    z, t = doubles(4)
    ut.use_triton(False)
    way.run("dice", z, t)
    ut.use_triton(None)
    assert triton_engine._switch
    monkeypatch.setenv("UNIFOCAL_TRITON", "0")
    assert not triton_engine._switch
    way.run("dice", z, t)
    assert way.calls == (0, 0)


def test_tensors_in_memory_must_be_asked_for():
    ut.use_triton(None)
    assert not triton_engine._available(torch.zeros(1))


def test_other_dtypes_are_left_to_tensor_code(way):
    z, t = doubles(4)
    way.run("dice", z, t.to(torch.uint64))
    assert way.calls == (0, 0)


def test_many_classes_are_left_to_tensor_code(way):
    z, t = doubles(CHEAP + 1, samples=1, classes=9)  # few would be computed in float64
    way.run("unified_focal", z, t)
    assert way.calls == (0, 0)
    way.run("unified_focal", z.float(), t)
    assert all(way.calls)


def test_every_term_has_as_many_coefficients_as_it_says():
    """More would be read from beyond the table."""
    for term in filter(None, triton_terms.TERMS.values()):
        found = term.coefficients(**dict.fromkeys(term.hyper, 0.5))
        assert len(found) == term.coefficient_count


# Functions ----------------------------------------------------------------------------------------


@triton.jit
def _apply(y, x, FUNCTION: tl.constexpr, SIZE: tl.constexpr):
    i = tl.arange(0, SIZE)
    tl.store(y + i, FUNCTION(tl.load(x + i)))


RECIPROCAL = (triton_math.reciprocal, lambda x: 1 / x, np.geomspace(1, 1e6, 1024))
LOG1P = (triton_math.log1p, mpmath.log1p, np.geomspace(1e-300, 15, 1024))
HALF = np.geomspace(1e-30, 80, 512)
EXPM1 = (triton_math.expm1, mpmath.expm1, np.concatenate([-10 * HALF, HALF]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    ("function", "exact", "points"),
    [RECIPROCAL, LOG1P, EXPM1],
    ids=["reciprocal", "log1p", "expm1"],
)
def test_functions_against_fifty_digits(function, exact, points, dtype):
    x = torch.tensor(points, dtype=dtype)
    x = x[x.abs() >= torch.finfo(dtype).tiny]
    x = torch.cat([x, x[-1:].expand(1024 - len(x))]).to(DEVICE)
    y = torch.empty_like(x)
    _apply[(1,)](y, x, FUNCTION=function, SIZE=1024)
    with mpmath.workdps(50):
        wanted = [exact(mpmath.mpf(v)) for v in x.tolist()]
        errors = [abs(mpmath.mpf(a) / b - 1) for a, b in zip(y.tolist(), wanted, strict=True)]
    assert max(errors) <= 2 * torch.finfo(dtype).eps
