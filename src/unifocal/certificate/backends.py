"""One Enum of backends: what runs on one member runs on all, eager and compiled.

A member takes NumPy arrays, calls the backend's public function the way its users do, and returns
value and gradient as NumPy. The gradient comes through the framework's own autodiff (NumPy, which
has none, through `value_and_grad`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from typing import Any

import numpy as np

from unifocal.certificate.devices import Device, placement
from unifocal.dispatch import load_backend

Array = np.ndarray[Any, Any]
Result = tuple[Array, Array]
Runner = Callable[[Any, Any, Any], list[Result]]

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

    @property
    def compiles(self) -> bool:
        """Whether a new shape costs a compilation; the functions of JAX are jitted inside."""
        return self.mode != "eager" or self.framework == "jax"

    def unavailable(self, device: Device | None = None) -> str | None:
        """Return why this way of running code cannot be had here, or None if it can."""
        compiler = _COMPILERS.get(self)
        if compiler is None:
            return None
        try:
            with placement(self.framework, device):
                compiler()(self.asarray(np.zeros(8, np.float32), device))
        except Exception as error:  # whatever a compiler raises, it is what the user should read
            return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
        return None

    def losses(self) -> Any:
        """The module of the backend's public functions."""
        return load_backend(self.framework, "losses")

    def asarray(self, x: Array, device: Device | None = None) -> Any:
        """An array of the framework with the same entries; where no device is named, on its own."""
        if self.framework == "torch":
            return _torch_tensor(x).to("cpu" if device is None else device.native)
        with placement(self.framework, device):
            if self.framework == "jax":
                return import_module("jax.numpy").asarray(x)
            if self.framework == "tensorflow":
                return import_module("tensorflow").constant(x)
        return x

    def program(
        self, losses: Sequence[str], device: Device | None = None, **keywords: Any
    ) -> Callable[..., list[Result]]:
        """Return a function of (logits, target, weight) that gives the result of every loss.

        A compiler makes one program of all of them, once for each kind of arrays.
        """
        public = self.losses()
        calls = [Call(getattr(public, loss), loss, keywords, self.default_axis) for loss in losses]
        return self.run(calls, device)

    def run(self, calls: list[Call], device: Device | None = None) -> Callable[..., list[Result]]:
        """Return the same function for any calls that the framework can differentiate."""
        run = _RUNNERS[self](calls)

        def results(logits: Array, target: Array, weight: Array | None = None) -> list[Result]:
            with _precision(self, logits.dtype), placement(self.framework, device):
                arrays = (logits, target, weight)
                found = run(*(None if x is None else self.asarray(x, device) for x in arrays))
            for _, gradient in found:
                assert gradient.dtype == logits.dtype
                assert gradient.shape == logits.shape
            return found

        return results

    def runner(self, loss: str, **keywords: Any) -> Callable[..., Result]:
        """Return a function of (logits, target, weight), compiled once for each kind of arrays."""
        program = self.program([loss], **keywords)
        return lambda *arrays: program(*arrays)[0]

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


def _numpy(calls: list[Call]) -> Runner:
    import unifocal as uf

    def both(call: Call, z: Any, t: Any, w: Any) -> Result:
        value, gradient = uf.value_and_grad(getattr(uf, call.loss))(z, t, weight=w, **call.keywords)
        assert value.tobytes() == call(z, t, w).tobytes()
        return value, gradient

    return lambda z, t, w: [both(call, z, t, w) for call in calls]


def _torch(calls: list[Call]) -> Runner:
    return _torch_runner(lambda leaves, t, w: _torch_values(calls, leaves, t, w), len(calls))


def _torch_compile(calls: list[Call]) -> Runner:
    import torch

    torch._dynamo.reset()

    def values(leaves: list[Any], t: Any, w: Any) -> list[Any]:
        return _torch_values(calls, leaves, t, w)

    return _torch_runner(torch.compile(values, fullgraph=True, backend=TORCH_COMPILER), len(calls))


def _inductor_sample() -> Callable[[Any], Any]:
    import torch

    return torch.compile(lambda x: x + 1, backend=TORCH_COMPILER)


def _torch_values(calls: list[Call], leaves: list[Any], t: Any, w: Any) -> list[Any]:
    # A dataclass' __call__ is no function that a compiler likes to enter.
    return [
        call.function(z, t, weight=w, **call.keywords)
        for call, z in zip(calls, leaves, strict=True)
    ]


def _torch_runner(values: Callable[..., list[Any]], losses: int) -> Runner:
    """Differentiate each loss by a leaf of its own."""
    import torch

    def run(z: Any, t: Any, w: Any) -> list[Result]:
        leaves = [z.detach().clone().requires_grad_() for _ in range(losses)]
        found = values(leaves, t, w)
        torch.autograd.backward(found)
        return [
            (value.detach().cpu().numpy(), _from_torch(leaf.grad))
            for value, leaf in zip(found, leaves, strict=True)
        ]

    return run


def _from_torch(x: Any) -> Array:
    import torch

    if x.dtype is torch.bfloat16:
        entries: Array = x.cpu().float().numpy()
        return entries.astype(import_module("ml_dtypes").bfloat16)
    array: Array = x.cpu().numpy()
    return array


def _jax(calls: list[Call]) -> Runner:
    import jax

    both = [jax.value_and_grad(call) for call in calls]
    return _numpy_results(lambda z, t, w: [f(z, t, w) for f in both])


def _jax_jit(calls: list[Call]) -> Runner:
    import jax

    both = [jax.value_and_grad(call) for call in calls]
    return _numpy_results(jax.jit(lambda z, t, w: [f(z, t, w) for f in both]))


def _numpy_results(function: Callable[..., list[Any]]) -> Runner:
    def run(z: Any, t: Any, w: Any) -> list[Result]:
        return [(np.asarray(value), np.asarray(grad)) for value, grad in function(z, t, w)]

    return run


def _taped(calls: list[Call]) -> Callable[..., Any]:
    import tensorflow as tf

    def value_and_grad(call: Call, z: Any, t: Any, w: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = call(z, t, w)
        return value, tape.gradient(value, z)

    return lambda z, t, w: [value_and_grad(call, z, t, w) for call in calls]


def _tensorflow(calls: list[Call]) -> Runner:
    return _numpy_results(_taped(calls))


def _tensorflow_graph(calls: list[Call]) -> Runner:
    import tensorflow as tf

    function = tf.function(_taped(calls))

    def unknown(x: Any) -> Any:
        return tf.TensorSpec([None] * len(x.shape), x.dtype)

    def run(z: Any, t: Any, w: Any) -> list[Result]:
        axis = calls[0].axis(z)
        known = tf.TensorSpec([n if i == axis else None for i, n in enumerate(z.shape)], z.dtype)
        program = function.get_concrete_function(
            known, unknown(t), None if w is None else unknown(w)
        )
        found = program(*(x for x in (z, t, w) if x is not None))
        return [(value.numpy(), gradient.numpy()) for value, gradient in found]

    return run


def _tensorflow_xla(calls: list[Call]) -> Runner:
    import tensorflow as tf

    return _numpy_results(tf.function(_taped(calls), jit_compile=True))


def _xla_sample() -> Callable[[Any], Any]:
    import tensorflow as tf

    return tf.function(lambda x: x + 1, jit_compile=True)


_COMPILERS: dict[Backend, Callable[[], Callable[[Any], Any]]] = {
    Backend.TORCH_COMPILE: _inductor_sample,
    Backend.TENSORFLOW_XLA: _xla_sample,
}
"""Compilers that are not part of every installation: each compiles next to nothing."""

_RUNNERS: dict[Backend, Callable[[list[Call]], Runner]] = {
    Backend.NUMPY: _numpy,
    Backend.TORCH: _torch,
    Backend.TORCH_COMPILE: _torch_compile,
    Backend.JAX: _jax,
    Backend.JAX_JIT: _jax_jit,
    Backend.TENSORFLOW: _tensorflow,
    Backend.TENSORFLOW_GRAPH: _tensorflow_graph,
    Backend.TENSORFLOW_XLA: _tensorflow_xla,
}
