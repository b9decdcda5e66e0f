"""What must hold for any input: symmetries, additivity, and conventions, by hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases import LOSSES
from unifocal.certificate.backends import Backend

# Compiled modes compile anew for every shape: these three run the same code without that.
BACKENDS = [Backend.NUMPY, Backend.TORCH, Backend.TENSORFLOW]
EXAMPLES = settings(max_examples=15, deadline=None, derandomize=True)


@pytest.fixture(params=BACKENDS, ids=lambda b: b.name, scope="module")
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param


@st.composite
def calls(draw: Any) -> tuple[str, np.ndarray, np.ndarray, np.random.Generator]:
    """A loss, logits of up to 3 samples, 4 classes and 6 pixels, and labels."""
    loss = draw(st.sampled_from(LOSSES))
    n, c, m = draw(st.integers(1, 3)), draw(st.integers(2, 4)), draw(st.integers(1, 6))
    scale = draw(st.sampled_from([0.1, 1.0, 10.0]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return loss, rng.normal(scale=scale, size=(n, c, m)), rng.integers(0, c, size=(n, m)), rng


def run(backend: Backend, loss: str, z: np.ndarray, t: np.ndarray, w: Any = None, **kw: Any) -> Any:
    value, gradient = backend.value_and_grad(
        loss, np.ascontiguousarray(z), np.ascontiguousarray(t), w, axis=1, **kw
    )
    return float(value), gradient


def assert_same(found: Any, wanted: Any) -> None:
    """Equal but for the order of summation."""
    assert found[0] == pytest.approx(wanted[0], rel=1e-12, abs=1e-15)
    largest = np.abs(wanted[1]).max()
    np.testing.assert_allclose(found[1], wanted[1], rtol=0, atol=1e-11 * largest + 1e-18)


@EXAMPLES
@given(call=calls())
def test_the_order_of_pixels_does_not_matter(backend: Backend, call: Any) -> None:
    loss, z, t, rng = call
    order = rng.permutation(t.shape[1])
    value, gradient = run(backend, loss, z, t)
    assert_same(run(backend, loss, z[..., order], t[:, order]), (value, gradient[..., order]))


@EXAMPLES
@given(call=calls())
def test_the_order_of_samples_does_not_matter(backend: Backend, call: Any) -> None:
    loss, z, t, rng = call
    order = rng.permutation(len(t))
    value, gradient = run(backend, loss, z, t, over="batch")
    assert_same(run(backend, loss, z[order], t[order], over="batch"), (value, gradient[order]))


@EXAMPLES
@given(call=calls())
def test_the_order_of_foreground_classes_does_not_matter(backend: Backend, call: Any) -> None:
    loss, z, t, rng = call
    order = np.concatenate([[0], 1 + rng.permutation(z.shape[1] - 1)])
    value, gradient = run(backend, loss, z, t)
    renamed = run(backend, loss, z[:, order], np.argsort(order)[t])
    assert_same(renamed, (value, gradient[:, order]))


@EXAMPLES
@given(call=calls(), keep=st.integers(1, 5))
def test_cropping_is_ignoring(backend: Backend, call: Any, keep: int) -> None:
    loss, z, t, _ = call
    keep = min(keep, t.shape[1])
    wanted = run(backend, loss, z[..., :keep], t[:, :keep])
    t = t.copy()
    t[:, keep:] = 99
    value, gradient = run(backend, loss, z, t, ignore_index=99)
    assert_same((value, gradient[..., :keep]), wanted)
    assert (gradient[..., keep:] == 0).all()


@EXAMPLES
@given(call=calls())
def test_a_batch_of_one_is_a_sample(backend: Backend, call: Any) -> None:
    loss, z, t, _ = call
    one = run(backend, loss, z[:1], t[:1], over="sample")
    assert_same(run(backend, loss, z[:1], t[:1], over="batch"), one)


@EXAMPLES
@given(call=calls())
def test_the_mean_over_samples_is_the_mean_of_each(backend: Backend, call: Any) -> None:
    loss, z, t, _ = call
    each = [run(backend, loss, z[i : i + 1], t[i : i + 1]) for i in range(len(t))]
    value = np.mean([v for v, _ in each])
    gradient = np.concatenate([g for _, g in each]) / len(each)
    assert_same(run(backend, loss, z, t), (value, gradient))


@EXAMPLES
@given(call=calls())
def test_pixels_along_one_axis_or_two_are_the_same(backend: Backend, call: Any) -> None:
    loss, z, t, _ = call
    value, gradient = run(backend, loss, z, t, over="batch")
    folded = run(backend, loss, z[:, :, None, :], t[:, None, :], over="batch")
    assert_same((folded[0], folded[1][:, :, 0]), (value, gradient))


@EXAMPLES
@given(call=calls(), shift=st.floats(-50, 50))
def test_a_constant_added_to_the_logits_changes_nothing(
    backend: Backend, call: Any, shift: float
) -> None:
    loss, z, t, _ = call
    z = np.round(z * 64) / 64  # so that adding a multiple of 1/64 is exact
    assert_same(run(backend, loss, z + round(shift * 64) / 64, t), run(backend, loss, z, t))


@EXAMPLES
@given(call=calls())
def test_the_gradient_over_the_classes_of_a_pixel_sums_to_zero(backend: Backend, call: Any) -> None:
    loss, z, t, _ = call
    _, gradient = run(backend, loss, z, t)
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-14)


@EXAMPLES
@given(call=calls())
def test_labels_are_one_hot_values(backend: Backend, call: Any) -> None:
    loss, z, t, _ = call
    hot = np.moveaxis(np.eye(z.shape[1])[t], -1, 1)
    assert_same(run(backend, loss, z, hot), run(backend, loss, z, t))


@EXAMPLES
@given(call=calls())
def test_a_weight_of_two_is_the_pixel_twice(backend: Backend, call: Any) -> None:
    loss, z, t, rng = call
    twice = rng.integers(1, 3, size=t.shape[1])
    value, gradient = run(backend, loss, z, t, np.broadcast_to(twice, t.shape).astype(float))
    repeated = run(backend, loss, np.repeat(z, twice, axis=2), np.repeat(t, twice, axis=1))
    first = np.cumsum(twice) - twice
    assert_same((value, gradient / twice), (repeated[0], repeated[1][..., first]))
