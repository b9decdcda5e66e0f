"""Thousands of calls drawn from the whole space of options, each against the reference.

The reference is the definition itself on float64 NumPy arrays; the gradient is PyTorch's autodiff
of that same definition, which shares nothing with the closed form.
"""

from __future__ import annotations

from typing import Any

import array_api_compat.torch as torch_namespace
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cases import CHOICES, LOSSES, Case, _possible
from unifocal.certificate.backends import Backend
from unifocal_spec import LOSSES as DEFINITIONS
from unifocal_spec import ClassSet, ClassWeight, Number, evaluate

torch = pytest.importorskip("torch", reason="the reference's gradient is PyTorch's")

EXAMPLES = {Backend.NUMPY: 1500, Backend.TORCH: 1000, Backend.TENSORFLOW: 300, Backend.JAX: 30}
"""JAX compiles every call anew."""

SCALES = [0.1, 1.0, 3.0]


def _hyperparameter(draw: Any, kind: Any, classes: int) -> Any:
    if isinstance(kind, Number):
        low = 0.25 if kind.positive else kind.low
        return draw(st.floats(low, min(kind.high, 3.0)))
    if isinstance(kind, ClassWeight):
        each = st.lists(st.floats(0, 3), min_size=classes, max_size=classes)
        return draw(st.none() | st.floats(0, 1) | each)
    assert isinstance(kind, ClassSet)
    return draw(st.none() | st.lists(st.integers(0, classes - 1), unique=True))


@st.composite
def calls(draw: Any) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """A loss, its arrays, and its keywords: options and hyperparameters."""
    loss = draw(st.sampled_from(LOSSES))
    choices = {name: draw(st.sampled_from(values)) for name, values in CHOICES.items()}
    choices["dtype"] = "float64"
    choices["spatial"] = tuple(draw(st.lists(st.integers(1, 4), max_size=3)))
    for name, instead in (("activation", "logits"), ("target", "index")):
        if not _possible(choices):
            choices[name] = instead
    if not _possible(choices):
        choices["classes"] = 2
    case = Case("drawn", choices, draw(st.integers(0, 2**32 - 1)))
    z, t, w = case.arrays()
    if choices["activation"] == "logits":
        z = z * draw(st.sampled_from(SCALES)) / 2
    keywords = case.keywords() | {"smooth": draw(st.floats(1e-5, 2.0))}
    classes = 2 if keywords["activation"] == "sigmoid" else z.shape[keywords["axis"]]
    for name, kind in DEFINITIONS[loss].hyperparameters.items():
        keywords[name] = _hyperparameter(draw, kind, classes)
    return loss, (z, t, w), keywords


def reference(loss: str, z: Any, t: Any, w: Any, **keywords: Any) -> tuple[float, np.ndarray]:
    """Value and gradient of the definition."""
    logits = torch.from_numpy(z.copy()).requires_grad_()
    target, weight = (None if x is None else torch.from_numpy(x.copy()) for x in (t, w))
    value = evaluate(DEFINITIONS[loss], torch_namespace, logits, target, weight=weight, **keywords)
    value.backward()
    return value.item(), logits.grad.numpy()


@pytest.mark.parametrize("backend", EXAMPLES, ids=lambda b: b.name)
def test_random_calls(backend: Backend) -> None:
    backend.losses()

    @settings(
        max_examples=EXAMPLES[backend],
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(call=calls())
    def check(call: Any) -> None:
        loss, arrays, keywords = call
        value, gradient = backend.value_and_grad(loss, *arrays, **keywords)
        wanted, by_logits = reference(loss, *arrays, **keywords)
        assert float(value) == pytest.approx(wanted, rel=1e-12, abs=1e-14)
        assert np.isfinite(gradient).all()
        if not np.isfinite(by_logits).all():  # autodiff of x^κ at x = 0 is 0 · ∞
            return
        # Autodiff of a quotient subtracts nearly equal numbers where a class is hardly there.
        largest = np.abs(by_logits).max()
        np.testing.assert_allclose(gradient, by_logits, rtol=0, atol=1e-9 * largest + 1e-15)

    check()
