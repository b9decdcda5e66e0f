"""One Enum of backends: what runs on one member runs on all, eager and compiled.

A member takes NumPy arrays, calls the backend's public function the way its users do, and returns
value and gradient as NumPy. The gradient comes through the framework's own autodiff (NumPy, which
has none, through `value_and_grad`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from typing import Any

import numpy as np

from unifocal.dispatch import load_backend

Array = np.ndarray[Any, Any]
Result = tuple[Array, Array]
ValueAndGrad = Callable[[Any, Any, Any], Result]

TORCH_COMPILER = "inductor"
"""The backend of `torch.compile`."""


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
        """The framework's name, which is also that of its extra."""
        return self.value[0]

    @property
    def mode(self) -> str:
        """How the framework runs the code."""
        return self.value[1]

    @property
    def default_axis(self) -> int:
        """The class axis of the backend's functions where none is given."""
        return -1 if self.framework in ("jax", "tensorflow") else 1

    def losses(self) -> Any:
        """The module of the backend's public functions."""
        return load_backend(self.framework, "losses")

    def asarray(self, x: Array) -> Any:
        """An array of the framework with the same entries."""
        if self.framework == "torch":
            return _torch_tensor(x)
        if self.framework == "jax":
            return import_module("jax.numpy").asarray(x)
        if self.framework == "tensorflow":
            return import_module("tensorflow").constant(x)
        return x

    def runner(self, loss: str, **keywords: Any) -> Callable[..., Result]:
        """Return a function of (logits, target, weight), compiled once for each kind of arrays."""
        call = Call(getattr(self.losses(), loss), loss, keywords, self.default_axis)
        run = _RUNNERS[self](call)

        def value_and_grad(logits: Array, target: Array, weight: Array | None = None) -> Result:
            with _precision(self, logits.dtype):
                arrays = [None if x is None else self.asarray(x) for x in (logits, target, weight)]
                value, gradient = run(*arrays)
            assert gradient.dtype == logits.dtype
            assert gradient.shape == logits.shape
            return value, gradient

        return value_and_grad

    def value_and_grad(
        self,
        loss: str,
        logits: Array,
        target: Array,
        weight: Array | None = None,
        **keywords: Any,
    ) -> Result:
        """Return value and gradient of a public function of the backend."""
        return self.runner(loss, **keywords)(logits, target, weight)


@dataclass(frozen=True)
class Call:
    """A public function of a backend, with its keywords."""

    function: Callable[..., Any]
    loss: str
    keywords: dict[str, Any]
    default_axis: int

    def __call__(self, z: Any, t: Any, w: Any) -> Any:
        """Return the loss of native arrays."""
        return self.function(z, t, weight=w, **self.keywords)

    def axis(self, z: Any) -> int:
        """The class axis, counted from the front."""
        axis: int = self.keywords.get("axis", self.default_axis)
        return axis % len(z.shape)


def _precision(backend: Backend, dtype: np.dtype[Any]) -> AbstractContextManager[Any]:
    """JAX has float64 only where it is switched on; float32 is tested with it off."""
    if backend.framework != "jax":
        return contextlib.nullcontext()
    return import_module("unifocal_jax.namespace").x64(dtype == np.float64)


def _torch_tensor(x: Array) -> Any:
    import torch

    if x.dtype.name == "bfloat16":  # NumPy has it from another package, which PyTorch cannot read
        return torch.from_numpy(x.astype(np.float32)).to(torch.bfloat16)
    backwards = any(step < 0 for step in x.strides)  # PyTorch has no such tensors
    return torch.from_numpy(x.copy() if backwards else x)


def _numpy(call: Call) -> ValueAndGrad:
    import unifocal as uf

    both = uf.value_and_grad(getattr(uf, call.loss))

    def run(z: Any, t: Any, w: Any) -> Result:
        value, gradient = both(z, t, weight=w, **call.keywords)
        assert value == call(z, t, w)
        return value, gradient

    return run


def _torch(call: Callable[..., Any]) -> ValueAndGrad:
    import torch

    def run(z: Any, t: Any, w: Any) -> Result:
        z = z.requires_grad_()
        value = call(z, t, w)
        value.backward()
        gradient = z.grad
        if gradient.dtype is torch.bfloat16:
            bfloat16 = import_module("ml_dtypes").bfloat16
            return value.detach().numpy(), gradient.float().numpy().astype(bfloat16)
        return value.detach().numpy(), gradient.numpy()

    return run


def _torch_compile(call: Call) -> ValueAndGrad:
    import torch

    torch._dynamo.reset()

    def function(z: Any, t: Any, w: Any) -> Any:
        return call.function(z, t, weight=w, **call.keywords)

    return _torch(torch.compile(function, fullgraph=True, backend=TORCH_COMPILER))


def _jax(call: Call) -> ValueAndGrad:
    import jax

    return _numpy_results(jax.value_and_grad(call))


def _jax_jit(call: Call) -> ValueAndGrad:
    import jax

    return _numpy_results(jax.jit(jax.value_and_grad(call)))


def _numpy_results(function: Callable[..., tuple[Any, Any]]) -> ValueAndGrad:
    def run(z: Any, t: Any, w: Any) -> Result:
        value, gradient = function(z, t, w)
        return np.asarray(value), np.asarray(gradient)

    return run


def _taped(call: Call) -> Callable[..., Any]:
    import tensorflow as tf

    def value_and_grad(z: Any, t: Any, w: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = call(z, t, w)
        return value, tape.gradient(value, z)

    return value_and_grad


def _tensorflow(call: Call) -> ValueAndGrad:
    return _numpy_results(_taped(call))


def _tensorflow_graph(call: Call) -> ValueAndGrad:
    import tensorflow as tf

    function = tf.function(_taped(call))

    def unknown(x: Any) -> Any:
        return tf.TensorSpec([None] * len(x.shape), x.dtype)

    def run(z: Any, t: Any, w: Any) -> Result:
        axis = call.axis(z)
        known = tf.TensorSpec([n if i == axis else None for i, n in enumerate(z.shape)], z.dtype)
        program = function.get_concrete_function(
            known, unknown(t), None if w is None else unknown(w)
        )
        value, gradient = program(*(x for x in (z, t, w) if x is not None))
        return value.numpy(), gradient.numpy()

    return run


def _tensorflow_xla(call: Call) -> ValueAndGrad:
    import tensorflow as tf

    return _numpy_results(tf.function(_taped(call), jit_compile=True))


_RUNNERS: dict[Backend, Callable[[Call], ValueAndGrad]] = {
    Backend.NUMPY: _numpy,
    Backend.TORCH: _torch,
    Backend.TORCH_COMPILE: _torch_compile,
    Backend.JAX: _jax,
    Backend.JAX_JIT: _jax_jit,
    Backend.TENSORFLOW: _tensorflow,
    Backend.TENSORFLOW_GRAPH: _tensorflow_graph,
    Backend.TENSORFLOW_XLA: _tensorflow_xla,
}
