"""The names that engines use mean the same in every framework, down to the dtype."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from tests.precision import float64
from unifocal.certificate.backends import Backend

BACKENDS = [Backend.NUMPY, Backend.TORCH, Backend.JAX, Backend.TENSORFLOW]
X = np.random.default_rng(3).normal(size=(2, 3, 4))
LABEL = np.array([[0, 2, 1, 0], [2, 2, 0, 1]])


@pytest.fixture(params=BACKENDS, ids=lambda b: b.name)
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param


def names(backend: Backend) -> Any:
    """The namespace of a backend."""
    backend.losses()
    return import_module(f"unifocal_{backend.framework}.namespace")


def check(backend: Backend, name: str, wanted: Any, *arguments: Any, **keywords: Any) -> None:
    """Call a name with NumPy arrays as native ones; hold the result to a NumPy array."""
    with float64(backend):
        native = [backend.asarray(x) if isinstance(x, np.ndarray) else x for x in arguments]
        found = np.asarray(getattr(names(backend), name)(*native, **keywords))
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64"])
def test_arange_like(backend: Backend, dtype: str) -> None:
    check(backend, "arange_like", np.arange(4).astype(dtype), 4, np.zeros(2, dtype))


@pytest.mark.parametrize("axis", [1, 2])
def test_pick(backend: Backend, axis: int) -> None:
    x = np.moveaxis(X, 1, axis)
    check(backend, "pick", np.take_along_axis(x, np.expand_dims(LABEL, axis), axis), x, LABEL, axis)


def test_take(backend: Backend) -> None:
    vector = np.array([0.5, 2.0, 1.0])
    check(backend, "take", vector[LABEL], vector, LABEL)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tiny(backend: Backend, dtype: str) -> None:
    x = X.astype(dtype)
    check(backend, "tiny", np.full(x.shape, np.finfo(dtype).tiny, dtype), x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("values", [(0.5, 2.0), (1.0,), (True, False), (False, True), (True,)])
def test_vector(backend: Backend, values: tuple[Any, ...], dtype: str) -> None:
    wanted = np.array(values, dtype=bool if isinstance(values[0], bool) else dtype)
    check(backend, "vector", wanted, values, np.zeros(2, dtype))


@pytest.mark.parametrize("dtype", ["int64", "float32", "float64"])
def test_astype(backend: Backend, dtype: str) -> None:
    with float64(backend):
        like = backend.asarray(np.zeros(1, dtype))
        wanted = np.array([0, 1, 1]).astype(dtype)
        check(backend, "astype", wanted, np.array([False, True, True]), like.dtype)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_size_and_count(backend: Backend, axis: int) -> None:
    with float64(backend):
        x = backend.asarray(X)
        assert names(backend).size(x, axis) == X.shape[axis]
        assert float(names(backend).count(x, axis, x.dtype)) == X.shape[axis]


@pytest.mark.parametrize(("source", "destination"), [(2, 1), (1, 2), (1, -1), (0, 2), (1, 1)])
def test_moveaxis(backend: Backend, source: int, destination: int) -> None:
    wanted = np.moveaxis(X, source, destination)
    check(backend, "moveaxis", wanted, X, source, destination)


@pytest.mark.parametrize("axis", [0, 1])
def test_repeat(backend: Backend, axis: int) -> None:
    check(backend, "repeat", np.repeat(X, 3, axis=axis), X, 3, axis=axis)


@pytest.mark.parametrize("dtype", ["int64", "float32", "float64"])
def test_equals(backend: Backend, dtype: str) -> None:
    x, y = np.array([[0, 1, 2]]).astype(dtype), np.array([[0], [2]]).astype(dtype)
    check(backend, "equals", (x == y).astype(dtype), x, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_at_least_tiny(backend: Backend, dtype: str) -> None:
    tiny = np.finfo(dtype).tiny
    x = np.array([0, tiny, 2 * tiny, 1, 3], dtype)
    check(backend, "at_least_tiny", np.array([tiny, tiny, 2 * tiny, 1, 3], dtype), x)


@pytest.mark.parametrize("ends", [(0, 2), (-1, 3), (1, 2), (0, 1), (1, 1)])
@pytest.mark.parametrize("label", [[0, 2, 1], [1], []], ids=str)
def test_all_between(backend: Backend, label: list[int], ends: tuple[int, int]) -> None:
    """A traced array shows no value; there the answer is no, and everything is clipped."""
    with float64(backend):
        found = names(backend).all_between(backend.asarray(np.array(label, int)), *ends)
    seen = backend in (Backend.NUMPY, Backend.TORCH) and label
    assert found is bool(seen and all(ends[0] <= x <= ends[1] for x in label))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
@pytest.mark.parametrize("number", ["neither", "first", "second"])
def test_where(backend: Backend, number: str, dtype: str) -> None:
    x, y = np.array([1, -2, 3, 0]).astype(dtype), np.array([5, 6, -7, 8]).astype(dtype)
    if dtype != "int64":
        x[3], y[3] = np.nan, -np.inf  # and yet only one of the two is there
    chosen = np.array([True, False, True, False])
    x, y = (2 if number == "first" else x), (2 if number == "second" else y)
    check(backend, "where", np.where(chosen, x, y).astype(dtype), chosen, x, y)
    check(backend, "where", np.where(~chosen, x, y).astype(dtype), ~chosen, x, y)


def test_clip(backend: Backend) -> None:
    check(backend, "clip", np.clip(LABEL * 3 - 2, 0, 2), LABEL * 3 - 2, 0, 2)


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_and_maxima(backend: Backend, axis: int, keepdims: bool) -> None:
    whole = np.round(X * 8)  # so that sums are exact
    check(
        backend, "sum", whole.sum(axis=axis, keepdims=keepdims), whole, axis=axis, keepdims=keepdims
    )
    check(backend, "max", X.max(axis=axis, keepdims=True), X, axis=axis, keepdims=True)


def test_mean_and_any(backend: Backend) -> None:
    whole = np.round(X * 8)
    check(backend, "mean", whole.sum(axis=0) / 2, whole, axis=0)
    check(backend, "any", (LABEL > 1).any(axis=1), LABEL > 1, axis=1)
    check(
        backend, "any", np.array([False, True]), np.array([[False, False], [False, True]]), axis=1
    )


# Sums over pixels ---------------------------------------------------------------------------------

MANY = np.random.default_rng(4).uniform(size=(2, 1 << 17)).astype("float32")
EXACT = np.array([math.fsum(row.astype(float)) for row in MANY])


def test_sums_over_pixels_are_in_float64(backend: Backend) -> None:
    with float64(backend):
        found = np.asarray(names(backend).total(backend.asarray(MANY), axis=1))
        turned = np.asarray(names(backend).total(backend.asarray(MANY.T.copy()), axis=0))
    assert found.dtype == turned.dtype == np.float64
    np.testing.assert_allclose(found, EXACT, rtol=1e-14)
    np.testing.assert_allclose(turned, EXACT, rtol=1e-14)


def test_sums_over_pixels_where_float64_is_switched_off(backend: Backend) -> None:
    """JAX adds the rounding errors up as well: what is left is one rounding to float32."""
    found = np.asarray(names(backend).total(backend.asarray(MANY), axis=1))
    np.testing.assert_allclose(found, EXACT, rtol=2**-24)
