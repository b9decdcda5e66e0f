"""Arrays as users have them: in half precision, larger than a block, with a weight to broadcast."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.cases import each_loss
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate import oracle
from unifocal.certificate.backends import Backend
from unifocal.engine.pixels import CHEAP, FEW, sums_in_float64
from unifocal_numpy.losses import KERNELS

BACKENDS = [Backend.NUMPY, Backend.TORCH, Backend.JAX, Backend.TENSORFLOW]
FLOAT32 = np.dtype("float32")


@pytest.fixture(params=BACKENDS, ids=lambda b: b.name)
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param


def call(pixels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits of 2 samples and 3 classes, exact in float16, and labels."""
    rng = np.random.default_rng(5)
    z = rng.normal(scale=2.0, size=(2, 3, pixels)).astype("float16").astype("float64")
    return z, rng.integers(0, 3, size=(2, pixels))


# Precision ----------------------------------------------------------------------------------------


@each_loss(BACKENDS)
def test_half_precision_is_rounded_once(backend: Backend, loss: str) -> None:
    z, t = call()
    value, gradient = backend.value_and_grad(loss, z.astype("float16"), t, axis=1)
    wanted, by_logits = oracle.value_and_grad(loss, z, t)
    assert value.dtype == FLOAT32
    assert value == pytest.approx(wanted, rel=1e-6)
    np.testing.assert_allclose(gradient, by_logits, rtol=2**-11 + 1e-5, atol=2**-25)


# Weights ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (4,), (1, 4), (2, 1)])
@pytest.mark.parametrize("soft", [False, True], ids=["index", "soft"])
def test_a_weight_that_broadcasts(backend: Backend, soft: bool, shape: tuple[int, ...]) -> None:
    z, t = call()
    if soft:
        t = np.moveaxis(0.9 * np.eye(3)[t] + 1 / 30, -1, 1).copy()
    weight = np.random.default_rng(0).uniform(0.5, 2.0, size=shape)
    value, gradient = backend.value_and_grad("unified_focal", z, t, weight, axis=1)
    wanted, by_logits = oracle.value_and_grad("unified_focal", z, t, weight)
    assert_value(value, wanted, z.dtype)
    assert_gradient(gradient, by_logits, z.dtype)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32"])
@pytest.mark.parametrize("ignored", [False, True], ids=["", "ignore_index"])
def test_a_weight_of_any_type(backend: Backend, dtype: str, ignored: bool) -> None:
    z, t = call()
    weight = np.array([[1, 0, 1, 1], [0, 0, 1, 1]]).astype(dtype)
    keywords = {"ignore_index": 2} if ignored else {}
    value, gradient = backend.value_and_grad(
        "unified_focal", z.astype(FLOAT32), t, weight, axis=1, **keywords
    )
    wanted, by_logits = oracle.value_and_grad("unified_focal", z, t, weight, **keywords)
    assert value.dtype == FLOAT32
    assert_value(value, wanted, FLOAT32)
    assert_gradient(gradient, by_logits, FLOAT32)


# Precision inside ---------------------------------------------------------------------------------


@pytest.mark.parametrize("pixels", [FEW // 4, CHEAP])
@pytest.mark.parametrize(
    ("dtype", "precision", "wanted"),
    [
        ("float16", "native", "float32"),
        ("float32", "native", "float32"),
        ("float64", "native", "float64"),
        ("float16", "exact", "float64"),
        ("float32", "exact", "float64"),
    ],
)
def test_pixels_are_computed_in(
    backend: Backend,
    dtype: str,
    precision: str,
    wanted: str,
    pixels: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those of the sums in float64 where they are few, those of the gradient never for that.

    Of many a few are read first, both ways. A program of JAX has both ways for all, too.
    """
    engine, seen = loaded(backend), []
    read = engine.read_block

    def watched(*arguments: Any, **keywords: Any) -> Any:
        dtype = arguments[3]
        seen.append(str(getattr(dtype, "name", dtype)).removeprefix("torch."))
        return read(*arguments, **keywords)

    monkeypatch.setattr(engine, "read_block", watched)
    z, t = call(pixels=pixels + 1)  # a shape of its own, which JAX traces anew
    backend.value_and_grad("dice", z.astype(dtype), t, axis=1, precision=precision)
    assert set(seen) == {"float64", wanted}
    if wanted == "float32":
        assert seen[0] == ("float64" if pixels <= FEW else wanted)
    if backend is not Backend.NUMPY:  # which is called once more for the value
        assert seen[-1] == wanted
        if (pixels, wanted) == (CHEAP, "float32") and backend is not Backend.JAX:
            assert set(seen[2:]) == {wanted}


@pytest.mark.parametrize(
    ("shape", "axis", "few"),
    [
        ((2, 3, FEW), 1, True),
        ((9, 3, FEW + 1), 1, False),
        ((9, FEW // 8, 8, 3), -1, True),
        ((9, FEW // 8, 9, 3), -1, False),
        ((2, 3, CHEAP // 2), 1, True),  # of all samples
        ((2, 3, CHEAP // 2 + 1), 1, False),
        ((1000, 3, 1), 1, True),  # of each sample
        ((2, 3, 0), 1, True),
        ((2, 3, None), 1, False),  # not known to be few
        ((2, None, 3), -1, False),
        ((None, 3, FEW), 1, True),
        ((None, 3, FEW + 1), 1, False),
    ],
)
def test_what_few_pixels_are(shape: tuple[int | None, ...], axis: int, few: bool) -> None:
    def in_float64(loss: str, precision: str) -> bool:
        plan: Any = SimpleNamespace(channels=shape[axis], precision=precision)
        return sums_in_float64(KERNELS[loss], plan, shape)

    assert in_float64("unified_focal", "native") == few
    assert in_float64("unified_focal", "exact")
    assert in_float64("combo", "native")  # its parts cancel


# Blocks -------------------------------------------------------------------------------------------


def loaded(backend: Backend) -> Any:
    """The module of a backend that reads the pixels in blocks."""
    backend.losses()
    module = "blocks" if backend.framework == "torch" else "engine"
    return import_module(f"unifocal_{backend.framework}.{module}")


def in_blocks(backend: Backend, size: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the engine take blocks of this many logits, if it takes any; return it."""
    engine = loaded(backend)
    if not hasattr(engine, "BLOCK"):
        pytest.skip("this engine leaves blocks to its compiler")
    monkeypatch.setattr(engine, "BLOCK", size)
    if backend is Backend.JAX:
        engine._program.cache_clear()  # traced with blocks of another size
    return engine


KINDS = {
    "index": {},
    "ignored": {"ignore_index": 1},
    "soft": {"class_weights": [1.0, 2.0, 0.5]},
    "sigmoid": {"activation": "sigmoid"},
}


@cache
def blocked(kind: str) -> tuple[Any, ...]:
    """Arrays and truth of a call."""
    z, t = call(11)
    if kind in ("soft", "sigmoid"):
        t = np.moveaxis(0.9 * np.eye(3)[t] + 1 / 30, -1, 1).copy()
    weight = np.random.default_rng(0).uniform(0.5, 2.0, size=(2, 11)) if kind == "soft" else None
    arrays = z, t, weight
    return arrays, oracle.value_and_grad("unified_focal", *arrays, **KINDS[kind])


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("size", [1, 20])
@pytest.mark.parametrize("kind", KINDS)
def test_sums_over_blocks(
    backend: Backend, kind: str, size: int, axis: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_blocks(backend, size, monkeypatch)
    (z, t, w), (wanted, by_logits) = blocked(kind)
    t = t if t.ndim == 2 else np.moveaxis(t, 1, axis)
    value, gradient = backend.value_and_grad(
        "unified_focal", np.moveaxis(z, 1, axis), t, w, axis=axis, **KINDS[kind]
    )
    assert_value(value, wanted, z.dtype)
    assert_gradient(np.moveaxis(gradient, axis, 1), by_logits, z.dtype)


@pytest.mark.parametrize(
    ("size", "widths", "alike"),
    [(60, {10, 1}, {5, 6, 1}), (65, {10, 1}, {5, 6, 1}), (5, {1}, {1}), (999, {11}, {11})],
)
def test_a_block_is_as_large_as_it_may_be(
    backend: Backend,
    size: int,
    widths: set[int],
    alike: set[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pixel here has 6 logits: 2 samples of 3 classes.

    In JAX as few blocks as may be are alike: of 11 pixels 5, 5 and 1 for the sums, and for the
    gradient 6 and 6.
    """
    if backend.framework == "tensorflow":
        pytest.skip("TensorFlow takes equal blocks of each sample")
    engine, seen = in_blocks(backend, size, monkeypatch), []
    read = engine.read_block

    def watched(*arguments: Any, **keywords: Any) -> Any:
        seen.append(arguments[4].shape[2])
        return read(*arguments, **keywords)

    monkeypatch.setattr(engine, "read_block", watched)
    backend.value_and_grad("dice", *call(11), axis=1)
    # JAX reads all once for the shapes of the sums.
    assert set(seen) == (alike | {11} if backend is Backend.JAX else widths)
