"""SymPy's own printers, held to native operators and to what they can print.

Each backend's printer is SymPy's, with one mixin on top: powers, case distinctions and constants
are printed as Python operators and `where`, and whatever is not in the contract raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp
from sympy.codegen.cfunctions import expm1, log1p
from sympy.printing.precedence import PRECEDENCE, precedence

from unifocal.compiler.trace import LOG_P, log_odds

_FUNCTIONS: dict[type[sp.Basic], str] = {
    sp.Abs: "abs",
    sp.cos: "cos",
    sp.cosh: "cosh",
    sp.exp: "exp",
    expm1: "expm1",
    sp.log: "log",
    log1p: "log1p",
    sp.sign: "sign",
    sp.sin: "sin",
    sp.sinh: "sinh",
    sp.tanh: "tanh",
}

_PRINTABLE = (
    sp.Symbol,
    sp.Rational,
    sp.Add,
    sp.Mul,
    sp.Pow,
    sp.Piecewise,
    sp.functions.elementary.piecewise.ExprCondPair,
    sp.core.relational.Relational,
    sp.And,
    sp.Or,
    sp.Not,
    sp.logic.boolalg.BooleanAtom,
    log_odds,
    *_FUNCTIONS,
)

_TINY = 1e-37
"""Far below what any sum of float32 numbers can notice, and yet a normal number."""

_MODULES = {
    "numpy": "np",
    "torch": "torch",
    "triton": "tm",
    "numba": "nm",
    "jax": "jnp",
    "tensorflow": "tf.math",
}


class UnsupportedOperationError(NotImplementedError):
    """A definition uses an operation that cannot be printed."""


class _NativeMixin:
    """Print arithmetic as operators, functions by their native name, and nothing else."""

    def __init__(self, backend: str, scalars: Iterable[str] = ()) -> None:
        super().__init__({"fully_qualified_modules": True})  # type: ignore[call-arg]
        self.module = _MODULES[backend]
        self.backend = backend
        self.scalars = set(scalars)

    def is_scalar(self, expression: sp.Basic) -> bool:
        """Whether an expression holds hyperparameters and numbers only: a Python number."""
        return all(s.name in self.scalars for s in expression.free_symbols)

    def doprint(self, expression: sp.Basic, assign_to: Any = None) -> str:
        for node in sp.preorder_traversal(expression):
            if not isinstance(node, _PRINTABLE):
                raise UnsupportedOperationError(
                    f"{self.backend}: {type(node).__name__} cannot be printed, in {expression}"
                )
        floats = {x: sp.Float(float(x)) for x in expression.atoms(sp.Rational) if not x.is_Integer}
        return super().doprint(expression.xreplace(floats), assign_to)  # type: ignore[misc]

    def _call(self, name: str, expression: sp.Basic) -> str:
        arguments = ", ".join(self._print(a) for a in expression.args)
        if not self.is_scalar(expression):
            return f"{self.module}.{name}({arguments})"
        if name == "sign":
            return f"(({arguments} > 0) - ({arguments} < 0))"
        return f"abs({arguments})" if name == "abs" else f"math.{name}({arguments})"

    def _print_Function(self, expression: sp.Basic) -> str:
        return self._call(_FUNCTIONS[type(expression)], expression)

    def _print_log_odds(self, expression: sp.Basic) -> str:
        x = self._print(expression.args[0])
        # Its limit at 0 is −1, and so is that of two tiny numbers: no case need be distinguished.
        tiny = self._print(sp.Float(_TINY))
        return f"(({x} - {tiny}) / ({self._expm1(f'-{x}')} + {tiny}))"

    def _print_expm1(self, expression: sp.Basic) -> str:
        if self.is_scalar(expression):
            return self._call("expm1", expression)
        level = PRECEDENCE["Mul"]
        return self._expm1(self.parenthesize(expression.args[0], level))  # type: ignore[attr-defined]

    def _expm1(self, x: str) -> str:
        """Return e^x − 1; PyTorch's is none where it is compiled."""
        return f"{'xp' if self.backend == 'torch' else self.module}.expm1({x})"

    @property
    def _where(self) -> str:
        return "tf.where" if self.backend == "tensorflow" else f"{self.module}.where"

    def _print_Piecewise(self, expression: sp.Piecewise) -> str:
        (first, condition), *rest = expression.args
        if condition == sp.true or not rest:
            return str(self._print(first))
        second = rest[0][0] if len(rest) == 1 else sp.Piecewise(*rest)
        if self.is_scalar(condition):
            return f"({self._print(first)} if {self._print(condition)} else {self._print(second)})"
        if self.is_scalar(first):  # where() takes its dtype from the first value
            condition, first, second = sp.Not(condition), second, first
        # PyTorch's own `where` is slow, but it takes numbers.
        fast = self.backend == "torch" and not (self.is_scalar(first) or self.is_scalar(second))
        where = "xp.where" if fast else self._where
        return f"{where}({self._print(condition)}, {self._print(first)}, {self._print(second)})"

    def _print_Pow(self, expression: sp.Pow, **_: Any) -> str:
        level = precedence(expression)
        base = self.parenthesize(expression.base, level + 1)  # type: ignore[attr-defined]
        if expression.exp == -1:
            return f"1 / {base}"
        if expression.exp == 0.5 and not self.is_scalar(expression.base):
            return f"{self.module}.sqrt({self._print(expression.base)})"
        return f"{base} ** {self.parenthesize(expression.exp, level, strict=False)}"  # type: ignore[attr-defined]

    def _print_Float(self, expression: sp.Float) -> str:
        return repr(float(expression))

    def _print_Integer(self, expression: sp.Integer) -> str:
        return str(int(expression))

    _print_Zero = _print_One = _print_NegativeOne = _print_Integer

    def _print_Relational(self, expression: Any) -> str:
        left, right = (self._print(a) for a in expression.args)
        return f"({left} {expression.rel_op} {right})"

    _print_Equality = _print_Unequality = _print_Relational
    _print_StrictGreaterThan = _print_StrictLessThan = _print_Relational
    _print_GreaterThan = _print_LessThan = _print_Relational

    def _print_Not(self, expression: sp.Not) -> str:
        sign = "not " if self.is_scalar(expression) else "~"
        return f"({sign}({self._print(expression.args[0])}))"

    def _print_And(self, expression: sp.And) -> str:
        return self._join("and" if self.is_scalar(expression) else "&", expression)

    def _print_Or(self, expression: sp.Or) -> str:
        return self._join("or" if self.is_scalar(expression) else "|", expression)

    def _join(self, operator: str, expression: Any) -> str:
        return "(" + f" {operator} ".join(f"({self._print(a)})" for a in expression.args) + ")"

    for _name in (
        "Abs",
        "cos",
        "cosh",
        "exp",
        "log",
        "log1p",
        "sign",
        "sin",
        "sinh",
        "tanh",
    ):
        locals()[f"_print_{_name}"] = _print_Function
    del _name

    def _print(self, expression: Any, **kwargs: Any) -> str:
        return str(super()._print(expression, **kwargs))  # type: ignore[misc]


class _KernelMixin(_NativeMixin):
    """Print what kernels can do: less than a framework."""

    def _call(self, name: str, expression: sp.Basic) -> str:
        if name not in ("exp", "expm1", "log", "log1p"):
            raise UnsupportedOperationError(
                f"{self.backend}: {type(expression).__name__} cannot be printed, in {expression}"
            )
        return super()._call(name, expression)

    def _print_Pow(self, expression: sp.Pow, **_: Any) -> str:
        exponent = int(expression.exp) if expression.exp.is_Integer else 0
        if not exponent:
            raise UnsupportedOperationError(f"{self.backend}: {expression} cannot be printed")
        base = self.parenthesize(expression.base, PRECEDENCE["Pow"])  # type: ignore[attr-defined]
        product = " * ".join([base] * abs(exponent))
        one = self._print(sp.Integer(1))
        return f"({product})" if exponent > 0 else f"({one} / ({product}))"


class _TritonMixin(_KernelMixin):
    @property
    def _where(self) -> str:
        return "tl.where"


class _NumbaMixin(_KernelMixin):
    """Give numbers the dtype of arithmetic, `real`; Numba would widen float32 to that of theirs."""

    def _number(self, value: float) -> str:
        return f"real({value!r})"

    def _print_log_odds(self, expression: sp.Basic) -> str:
        (x,) = expression.args
        # The kernels have p / (1 − p) at hand: no exponential is needed.
        return f"({x} * odds)" if x == LOG_P else str(super()._print_log_odds(expression))

    def _print_Float(self, expression: sp.Float) -> str:
        return self._number(float(expression))

    def _print_Integer(self, expression: sp.Integer) -> str:
        return self._number(int(expression))

    _print_Zero = _print_One = _print_NegativeOne = _print_Integer


def native_printer(backend: str, scalars: Iterable[str] = ()) -> Any:
    """Return the printer of a backend; `scalars` names the symbols that are Python numbers."""
    # SymPy's printers import their framework where it is installed, so each is fetched when needed.
    if backend in ("numpy", "numba", "triton"):
        from sympy.printing.numpy import NumPyPrinter as Base
    elif backend == "jax":
        from sympy.printing.numpy import JaxPrinter as Base
    elif backend == "torch":
        from sympy.printing.pytorch import TorchPrinter as Base
    else:
        from sympy.printing.tensorflow import TensorflowPrinter as Base
    mixin = {"numba": _NumbaMixin, "triton": _TritonMixin}.get(backend, _NativeMixin)
    return type(f"Native{Base.__name__}", (mixin, Base), {})(backend, scalars)
