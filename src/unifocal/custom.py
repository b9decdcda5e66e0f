"""A user's own definition, compiled to native code for the backend of the array it meets."""

from __future__ import annotations

import linecache
from functools import cache
from types import ModuleType
from typing import Any

from unifocal.dispatch import MissingFrameworkError, evaluate, split_keywords
from unifocal_spec import Kernel, Loss


class CompiledLoss:
    """A loss for arrays of every backend, made by `unifocal.compile`."""

    def __init__(self, definition: Loss) -> None:
        self.definition = definition
        self.__name__ = definition.name
        self.__doc__ = f"{definition.summary}\n\n    L = {definition.formula}"

    def __call__(self, logits: Any, target: Any, **keywords: Any) -> Any:
        """Return the loss; the keywords are the common options and the hyperparameters."""
        options, hyper = split_keywords(keywords)
        return evaluate(self.kernel, logits, target, hyper=hyper, **options)

    def kernel(self, backend: str) -> Kernel:
        """Return the native code for a backend."""
        return _native(self, backend)

    def source(self, backend: str) -> str:
        """Return the text of the native code for a backend."""
        try:
            from unifocal.compiler.emit import emit_backend
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("unifocal"):
                raise
            raise MissingFrameworkError(
                f"compiling a definition needs {error.name}: pip install unifocal[compiler]"
            ) from error
        return emit_backend([self.definition], backend, "a definition outside the package")

    def __repr__(self) -> str:
        return f"unifocal.compile({self.definition.name})"


@cache
def _native(loss: CompiledLoss, backend: str) -> Kernel:
    source = loss.source(backend)
    filename = f"<unifocal {backend} {loss.definition.name}>"
    # With its lines on record, a debugger can step through the generated code.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = ModuleType(f"unifocal_compiled_{backend}_{loss.definition.name}")
    exec(compile(source, filename, "exec"), module.__dict__)
    kernel: Kernel = module.KERNELS[loss.definition.name]
    return kernel


def compile_definition(definition: Loss) -> CompiledLoss:
    """Compile a definition into a loss that runs on NumPy, PyTorch, JAX and TensorFlow.

    Needs the extra `compiler`. The definition is held to the contract of array names, run on
    symbols and differentiated when it first meets a backend; what cannot be compiled raises then.
    """
    if not isinstance(definition, Loss):
        raise TypeError(f"definition must be a unifocal_spec.Loss, got {definition!r}")
    return CompiledLoss(definition)
