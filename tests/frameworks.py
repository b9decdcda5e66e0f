"""One Enum of backends: a test that passes on one member runs on all, eager and compiled.

A member takes NumPy arrays, calls the backend's public function the way its users do, and returns
value and gradient as NumPy. The gradient comes through the framework's own autodiff (NumPy, which
has none, through `value_and_grad`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

Result = tuple[np.ndarray, np.ndarray]


class Backend(Enum):
    """A framework in one of the ways that it runs code."""

    NUMPY = ("numpy", "eager")
    TORCH = ("torch", "eager")
    TORCH_COMPILE = ("torch", "compile")
    JAX = ("jax", "eager")
    JAX_JIT = ("jax", "jit")
    TENSORFLOW = ("tensorflow", "eager")
    TENSORFLOW_GRAPH = ("tensorflow", "graph, unknown shapes")
    TENSORFLOW_XLA = ("tensorflow", "xla")

    @property
    def framework(self) -> str:
        return self.value[0]

    @property
    def default_axis(self) -> int:
        return -1 if self.framework in ("jax", "tensorflow") else 1

    def losses(self) -> Any:
        """The module of the backend's public functions."""
        if find_spec(self.framework) is None:
            pytest.skip(f"{self.framework} is not installed")
        return import_module(f"unifocal_{self.framework}.losses")

    def asarray(self, x: np.ndarray) -> Any:
        if self.framework == "torch":
            return import_module("torch").from_numpy(np.ascontiguousarray(x))
        if self.framework == "jax":
            return import_module("jax.numpy").asarray(x)
        if self.framework == "tensorflow":
            return import_module("tensorflow").constant(x)
        return x

    def value_and_grad(
        self,
        loss: str,
        logits: np.ndarray,
        target: np.ndarray,
        weight: np.ndarray | None = None,
        **keywords: Any,
    ) -> Result:
        """Return value and gradient of a public function of the backend."""
        function = getattr(self.losses(), loss)
        axis = keywords.get("axis", self.default_axis) % logits.ndim

        def call(z: Any, t: Any, w: Any) -> Any:
            return function(z, t, weight=w, **keywords)

        call.loss, call.keywords, call.axis = loss, keywords, axis
        with _precision(self, logits.dtype):
            arrays = [None if x is None else self.asarray(x) for x in (logits, target, weight)]
            value, gradient = _RUNNERS[self](call, *arrays)
        assert gradient.dtype == logits.dtype
        assert gradient.shape == logits.shape
        return value, gradient


@contextlib.contextmanager
def _precision(backend: Backend, dtype: np.dtype) -> Iterator[None]:
    """JAX has float64 only where it is switched on; float32 is tested with it off."""
    if backend.framework != "jax":
        yield
        return
    import jax

    with jax.enable_x64(dtype == np.float64):
        yield


def _numpy(call: Any, z: Any, t: Any, w: Any) -> Result:
    import unifocal as uf

    both = uf.value_and_grad(getattr(uf, call.loss))
    value, gradient = both(z, t, weight=w, **call.keywords)
    assert value == call(z, t, w)
    return value, gradient


def _torch(call: Any, z: Any, t: Any, w: Any) -> Result:
    z = z.requires_grad_()
    value = call(z, t, w)
    value.backward()
    return value.detach().numpy(), z.grad.numpy()


def _torch_compile(call: Any, z: Any, t: Any, w: Any) -> Result:
    import torch

    torch._dynamo.reset()
    return _torch(torch.compile(call, fullgraph=True, backend="aot_eager"), z, t, w)


def _jax(call: Any, z: Any, t: Any, w: Any) -> Result:
    import jax

    value, gradient = jax.value_and_grad(call)(z, t, w)
    return np.asarray(value), np.asarray(gradient)


def _jax_jit(call: Any, z: Any, t: Any, w: Any) -> Result:
    import jax

    value, gradient = jax.jit(jax.value_and_grad(call))(z, t, w)
    return np.asarray(value), np.asarray(gradient)


def _taped(call: Any) -> Callable[..., Any]:
    import tensorflow as tf

    def value_and_grad(z: Any, t: Any, w: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = call(z, t, w)
        return value, tape.gradient(value, z)

    return value_and_grad


def _tensorflow(call: Any, z: Any, t: Any, w: Any) -> Result:
    value, gradient = _taped(call)(z, t, w)
    return value.numpy(), gradient.numpy()


def _tensorflow_graph(call: Any, z: Any, t: Any, w: Any) -> Result:
    import tensorflow as tf

    def unknown(x: Any) -> Any:
        return tf.TensorSpec([None] * len(x.shape), x.dtype)

    classes_known = [size if axis == call.axis else None for axis, size in enumerate(z.shape)]
    arguments = [tf.TensorSpec(classes_known, z.dtype), unknown(t)]
    arguments.append(None if w is None else unknown(w))
    value, gradient = tf.function(_taped(call)).get_concrete_function(*arguments)(
        *(x for x in (z, t, w) if x is not None)
    )
    return value.numpy(), gradient.numpy()


def _tensorflow_xla(call: Any, z: Any, t: Any, w: Any) -> Result:
    import tensorflow as tf

    value, gradient = tf.function(_taped(call), jit_compile=True)(z, t, w)
    return value.numpy(), gradient.numpy()


_RUNNERS: dict[Backend, Callable[..., Result]] = {
    Backend.NUMPY: _numpy,
    Backend.TORCH: _torch,
    Backend.TORCH_COMPILE: _torch_compile,
    Backend.JAX: _jax,
    Backend.JAX_JIT: _jax_jit,
    Backend.TENSORFLOW: _tensorflow,
    Backend.TENSORFLOW_GRAPH: _tensorflow_graph,
    Backend.TENSORFLOW_XLA: _tensorflow_xla,
}
