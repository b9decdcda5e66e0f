"""The same numbers from every form in which the same input may come."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.cases import each_loss
from unifocal.certificate.backends import Backend

EAGER = [b for b in Backend if b.mode == "eager"]
INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]


@pytest.fixture(params=EAGER, ids=lambda b: b.name)
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param


def arrays(classes: int = 3, *spatial: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    spatial = spatial or (6, 5)
    z = rng.normal(size=(2, classes, *spatial)).astype("float32")
    return z, rng.integers(0, classes, size=(2, *spatial))


def assert_equal(found: Any, wanted: Any) -> None:
    assert found[0] == wanted[0]
    np.testing.assert_array_equal(found[1], wanted[1])


@pytest.mark.parametrize("dtype", INTEGERS)
def test_every_integer_type_is_a_label(backend: Backend, dtype: str) -> None:
    z, t = arrays()
    wanted = backend.value_and_grad("unified_focal", z, t, axis=1)
    assert_equal(backend.value_and_grad("unified_focal", z, t.astype(dtype), axis=1), wanted)


@each_loss(EAGER)
def test_bool_is_a_label(backend: Backend, loss: str) -> None:
    z, t = arrays(classes=2)
    wanted = backend.value_and_grad(loss, z, t, axis=1)
    assert_equal(backend.value_and_grad(loss, z, t.astype(bool), axis=1), wanted)


def numpy_dtype(name: str) -> np.dtype:
    if name == "bfloat16":
        return np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    return np.dtype(name)


FLOATS = ["float16", "bfloat16", "float32", "float64"]
FORMS = [("one-hot", d) for d in (*FLOATS, "uint8", "bool")] + [("soft", d) for d in FLOATS]


@pytest.mark.parametrize(("kind", "dtype"), FORMS)
def test_values_per_class_of_every_type(backend: Backend, kind: str, dtype: str) -> None:
    if backend is Backend.JAX and dtype == "float64":
        return  # JAX has no such array where float64 is switched off
    z, t = arrays()
    values = np.moveaxis(np.eye(3, dtype="float32")[t], -1, 1)
    if kind == "soft":
        values = (values * 13 + 1) / 16  # exact in every type
    wanted = backend.value_and_grad("unified_focal", z, values, axis=1)
    cast = values.astype(numpy_dtype(dtype))
    assert_equal(backend.value_and_grad("unified_focal", z, cast, axis=1), wanted)


@each_loss(EAGER)
def test_layout_in_memory_does_not_matter(backend: Backend, loss: str) -> None:
    """Every second pixel of a larger array, in Fortran order, backwards."""
    z, t = arrays()
    wanted = backend.value_and_grad(loss, z, t, axis=1)
    wide = np.repeat(np.repeat(z, 2, axis=3), 2, axis=2)
    strided = wide[:, :, ::2, ::2]
    assert not strided.flags.c_contiguous
    turned = np.ascontiguousarray(t[:, ::-1, ::-1])[:, ::-1, ::-1]
    for logits in (strided, np.asfortranarray(z)):
        assert_equal(backend.value_and_grad(loss, logits, turned, axis=1), wanted)


@each_loss(EAGER)
def test_channels_last_in_memory(backend: Backend, loss: str) -> None:
    z, t = arrays()
    wanted = backend.value_and_grad(loss, z, t, axis=1)
    value, gradient = backend.value_and_grad(loss, np.moveaxis(z, 1, -1).copy(), t, axis=-1)
    assert float(value) == pytest.approx(float(wanted[0]), rel=2.4e-7)
    largest = np.abs(wanted[1]).max()
    moved = np.moveaxis(gradient, -1, 1)
    np.testing.assert_allclose(moved, wanted[1], rtol=0, atol=1e-6 * largest)


@pytest.mark.parametrize("shape", [(1, 2, 0), (2, 3, 4, 0)])
@each_loss(EAGER)
def test_no_pixel_is_no_loss(backend: Backend, loss: str, shape: tuple[int, ...]) -> None:
    z, t = np.zeros(shape, "float32"), np.zeros((shape[0], *shape[2:]), int)
    value, gradient = backend.value_and_grad(loss, z, t, axis=1)
    assert float(value) == 0
    assert gradient.shape == shape
