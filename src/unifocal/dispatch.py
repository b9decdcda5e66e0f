"""Pick the backend by the type of the array, without importing a framework that is not in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

from unifocal_spec.contract import OPTIONS
from unifocal_spec.kernel import Kernel

ArrayT = TypeVar("ArrayT")

_BACKENDS = {
    "numpy": "numpy",
    "torch": "torch",
    "jax": "jax",
    "jaxlib": "jax",
    "tensorflow": "tensorflow",
}


class MissingFrameworkError(ImportError):
    """A framework is not installed."""


def backend_of(array: object) -> str:
    """Return the name of the backend that an array belongs to."""
    kind = type(array)
    for base in kind.__mro__:
        root = base.__module__.partition(".")[0]
        if root in _BACKENDS:
            return _BACKENDS[root]
    raise TypeError(
        "logits must be an array of NumPy, PyTorch, JAX or TensorFlow, got "
        f"{kind.__module__}.{kind.__qualname__}"
    )


def load_backend(name: str, module: str = "engine") -> ModuleType:
    """Import a module of a backend; say which extra to install if its framework is missing."""
    require(name)
    return import_module(f"unifocal_{name}.{module}")


def require(framework: str) -> None:
    """Import a framework, or say which extra to install."""
    try:
        import_module(framework)
    except ModuleNotFoundError as error:
        raise MissingFrameworkError(
            f"unifocal_{framework} needs {error.name}: pip install unifocal[{framework}]"
        ) from error


def kernel(loss: str, backend: str) -> Kernel:
    """Return a backend's native code of one of the package's losses."""
    found: Kernel = load_backend(backend, "losses").KERNELS[loss]
    return found


def evaluate(
    loss: str | Callable[[str], Kernel],
    logits: ArrayT,
    target: Any,
    *,
    hyper: Mapping[str, Any],
    **options: Any,
) -> ArrayT:
    """Evaluate a loss, named or as native code per backend, on the backend of the logits."""
    backend = backend_of(logits)
    code = kernel(loss, backend) if isinstance(loss, str) else loss(backend)
    value: ArrayT = load_backend(backend).evaluate(code, logits, target, hyper=hyper, **options)
    return value


def value_and_grad(loss: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """Turn a loss into a function that returns (value, gradient with respect to the logits).

    `loss` is a function of this package, such as `unifocal.dice`, or what `unifocal.compile`
    returned. The result takes the same arguments, on every backend, NumPy included; the loss must
    be a scalar. The gradient is the closed form: no tape and no autodiff is involved.

    >>> import numpy as np, unifocal as uf
    >>> logits, target = np.zeros((1, 2)), np.array([0])
    >>> value, gradient = uf.value_and_grad(uf.cross_entropy)(logits, target)
    >>> gradient.tolist()
    [[-0.5, 0.5]]
    """
    code = native_code(loss)

    def both(logits: Any, target: Any, **keywords: Any) -> tuple[Any, Any]:
        backend = backend_of(logits)
        engine, kernel = load_backend(backend), code(backend)
        options, hyper = split_keywords(keywords)
        plan, sums = engine.piece_sums(kernel, logits, target, hyper=hyper, **options)
        gradient = engine.piece_gradient(kernel, sums, logits, target, hyper=hyper, **options)
        return engine.loss_of_sums(kernel, plan, sums, logits), gradient

    return both


def native_code(loss: Callable[..., Any]) -> Callable[[str], Kernel]:
    """Return what gives the native code of a loss for a backend."""
    compiled: Callable[[str], Kernel] | None = getattr(loss, "kernel", None)
    if compiled is not None:
        return compiled
    if getattr(loss, "__module__", "") != "unifocal.losses":
        raise TypeError(
            f"loss must be a loss of unifocal or the result of unifocal.compile, got {loss!r}"
        )
    return partial(kernel, loss.__name__)


def split_keywords(keywords: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split keywords into the common options, with defaults filled in, and hyperparameters."""
    options = OPTIONS | {k: v for k, v in keywords.items() if k in OPTIONS}
    return options, {k: v for k, v in keywords.items() if k not in OPTIONS}
