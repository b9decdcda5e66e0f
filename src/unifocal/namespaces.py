"""Array namespaces for what is not an array library: SymPy and mpmath.

A definition takes its namespace `xp` as first argument. NumPy, PyTorch and JAX have one through
array-api-compat, TensorFlow through `unifocal_tensorflow.namespace`; this module gives symbols and
numbers of any precision the names of `unifocal_spec.contract`. A symbolic operation is exact or
raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

Namespace = Any


def _elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
    """Lift a function of scalars to object arrays."""

    def lifted(*args: Any) -> Any:
        if any(isinstance(a, np.ndarray) for a in args):
            return np.frompyfunc(function, len(args), 1)(*args)
        return function(*args)

    return lifted


def _objects(
    functions: Mapping[str, Callable[..., Any]], number: Callable[[Any], Any]
) -> Namespace:
    """A namespace over NumPy object arrays whose elementwise functions are `functions`."""
    lift = np.frompyfunc(number, 1, 1)

    def asarray(value: Any, dtype: Any = object) -> Any:
        if dtype is bool:
            return np.asarray(value)
        with np.errstate(invalid="ignore"):  # nan is a number here
            return lift(np.asarray(value, dtype=object))

    def astype(x: Any, dtype: Any) -> Any:
        return lift(x.astype(object)) if np.dtype(dtype).hasobject else x.astype(dtype)

    def mean(x: Any, axis: int | None = None) -> Any:
        return np.sum(x, axis=axis) / (x.size if axis is None else x.shape[axis])

    return SimpleNamespace(
        **{name: _elementwise(f) for name, f in functions.items()},
        arange=np.arange,
        argmax=np.argmax,
        asarray=asarray,
        astype=astype,
        bool=bool,
        broadcast_to=np.broadcast_to,
        concat=np.concat,
        expand_dims=np.expand_dims,
        float64=object,
        int64=np.int64,
        logical_and=np.logical_and,
        logical_or=np.logical_or,
        mean=mean,
        moveaxis=np.moveaxis,
        ones=lambda shape, dtype=object: asarray(np.ones(shape)),
        reshape=np.reshape,
        sum=np.sum,
        zeros_like=lambda x: asarray(np.zeros(np.shape(x))),
    )


def mpmath_namespace() -> Namespace:
    """Arrays of mpmath numbers, with as many digits as `mpmath.mp.dps` says."""
    import mpmath as mp

    unary = {
        name: getattr(mp, name)
        for name in ("cos", "cosh", "exp", "expm1", "log1p", "sign", "sin", "sinh", "sqrt", "tanh")
    }
    functions = unary | {
        "abs": abs,
        "log": mp.log,
        "maximum": max,
        "minimum": min,
        "pow": lambda x, y: x**y,
        "square": lambda x: x * x,
        "where": lambda condition, x, y: x if condition else y,
    }
    return _objects(functions, mp.mpf)


def sympy_namespace() -> Namespace:
    """SymPy expressions, and arrays of them. Numbers are exact: 0.5 becomes 1/2."""
    import sympy as sp
    from sympy.codegen.cfunctions import expm1, log1p

    def where(condition: Any, x: Any, y: Any) -> Any:
        return sp.Piecewise((x, sp.sympify(condition)), (y, True))

    functions = {
        "abs": sp.Abs,
        "cos": sp.cos,
        "cosh": sp.cosh,
        "exp": sp.exp,
        "expm1": expm1,
        "log": sp.log,
        "log1p": log1p,
        "maximum": lambda x, y: where(sp.Ge(x, y), x, y),
        "minimum": lambda x, y: where(sp.Le(x, y), x, y),
        "pow": sp.Pow,
        "sign": lambda x: where(sp.Gt(x, 0), 1, where(sp.Lt(x, 0), -1, 0)),
        "sin": sp.sin,
        "sinh": sp.sinh,
        "sqrt": sp.sqrt,
        "square": lambda x: x**2,
        "tanh": sp.tanh,
        "where": where,
    }

    def number(x: Any) -> Any:
        return sp.Integer(x) if isinstance(x, bool) else sp.nsimplify(x, rational=True)

    return _objects(functions, number)
