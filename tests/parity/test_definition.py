"""The definition itself, on every array namespace, against the naive oracle; and its autodiff."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable
from functools import cache
from importlib import import_module
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from tests.cases import CASES, FEW, LOSSES, Case
from tests.parity.bounds import assert_value
from unifocal.certificate import oracle
from unifocal.namespaces import mpmath_namespace
from unifocal_spec import LOSSES as DEFINITIONS
from unifocal_spec import evaluate

DOUBLE = [case for case in CASES if case.dtype == np.float64]
CALLS = [(loss, case) for loss in LOSSES for case in DOUBLE]


def calls(slow: Iterable[str], quick: Collection[str] = ()) -> list[pytest.param]:
    """Every loss, case and quick name, and few of them with one that takes a tenth of a second."""
    return [
        pytest.param(loss, case, name, id=f"{loss}-{case.name}-{name}")
        for loss, case in CALLS
        for name in (*quick, *slow)
        if (loss, case.name) in FEW or name in quick
    ]


@cache
def truth(loss: str, number: int) -> tuple[float, np.ndarray]:
    case = DOUBLE[number]
    return oracle.value_and_grad(loss, *case.arrays(), **case.keywords(), **case.hyper(loss))


def namespace(name: str) -> tuple[Any, Any, Any]:
    """Return a namespace, how arrays get into it, and a context that it needs."""
    nothing = contextlib.nullcontext()
    if name == "mpmath":
        xp = mpmath_namespace()
        return xp, lambda x: x if x.dtype.kind in "iub" else xp.asarray(x), mp.workdps(50)
    if name == "strict":
        strict = pytest.importorskip("array_api_strict")
        flags = strict.ArrayAPIStrictFlags(
            boolean_indexing=False, data_dependent_shapes=False, enabled_extensions=()
        )
        return strict, strict.asarray, flags
    pytest.importorskip(name)
    if name == "jax":
        import jax

        return jax.numpy, jax.numpy.asarray, import_module("unifocal_jax.namespace").x64(True)
    if name == "tensorflow":
        import tensorflow as tf

        return import_module("unifocal_tensorflow.namespace"), tf.constant, nothing
    xp = import_module(f"array_api_compat.{name}")
    return xp, xp.asarray, nothing


def run(loss: str, case: Case, xp: Any, z: Any, arrays: list[Any]) -> Any:
    target, weight = arrays
    keywords = case.keywords() | case.hyper(loss)
    return evaluate(DEFINITIONS[loss], xp, z, target, weight=weight, **keywords)


@pytest.mark.parametrize(
    ("loss", "case", "name"), calls(slow=("mpmath",), quick=("numpy", "strict", "torch"))
)
def test_definition_on_every_namespace(loss: str, case: Case, name: str) -> None:
    xp, asarray, context = namespace(name)
    with context:
        z, *rest = (None if x is None else asarray(x) for x in case.arrays())
        value = float(run(loss, case, xp, z, rest))
    assert_value(value, truth(loss, DOUBLE.index(case))[0], case.dtype)


def _torch(loss: str, case: Case) -> tuple[float, np.ndarray]:
    xp, asarray, _ = namespace("torch")
    z, *rest = (None if x is None else asarray(x) for x in case.arrays())
    value = run(loss, case, xp, z.requires_grad_(), rest)
    value.backward()
    return value.item(), z.grad.numpy()


def _jax(loss: str, case: Case) -> tuple[float, np.ndarray]:
    import jax

    xp, asarray, context = namespace("jax")
    with context:
        z, *rest = (None if x is None else asarray(x) for x in case.arrays())
        # Operation by operation, each would be compiled.
        value, gradient = jax.jit(jax.value_and_grad(lambda z: run(loss, case, xp, z, rest)))(z)
        return float(value), np.asarray(gradient)


def _tensorflow(loss: str, case: Case) -> tuple[float, np.ndarray]:
    import tensorflow as tf

    xp, asarray, _ = namespace("tensorflow")
    z, *rest = (None if x is None else asarray(x) for x in case.arrays())
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = run(loss, case, xp, z, rest)
    return float(value), tape.gradient(value, z).numpy()


AUTODIFF = {"torch": _torch, "jax": _jax, "tensorflow": _tensorflow}


@pytest.mark.parametrize(("loss", "case", "name"), calls(slow=AUTODIFF))
def test_autodiff_of_the_definition(loss: str, case: Case, name: str) -> None:
    pytest.importorskip(name)
    wanted, by_logits = truth(loss, DOUBLE.index(case))
    value, gradient = AUTODIFF[name](loss, case)
    assert_value(value, wanted, case.dtype)
    # Autodiff of a quotient subtracts nearly equal numbers where a class is absent; the closed
    # form does not, and is held to its own, tighter bound in test_parity.py.
    np.testing.assert_allclose(gradient, by_logits, rtol=0, atol=1e-9 * np.abs(by_logits).max())
