"""Print the pixel terms and their derivatives as Triton functions, for PyTorch's CUDA tensors.

What depends on hyperparameters alone, 1 − δ for one, becomes a coefficient. Python computes it in
float64, once per class and call; a kernel finds it in a table. So a new γ compiles nothing anew,
and nothing is lost where δ is near 1.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

import sympy as sp

from unifocal.compiler.docs import escaped
from unifocal.compiler.emit import HEADER, _trace
from unifocal.compiler.printers import native_printer
from unifocal.compiler.trace import INPUTS, TracedPart
from unifocal_spec import ClassSet, Loss

PIXEL = frozenset(INPUTS["pixel"])
_PREAMBLE = '''
class Term(NamedTuple):
    """The pixel term of a loss: Triton functions of log p, log(1 − p), t and coefficients k."""

    value: Any
    gradient: Any
    """∂value/∂log p."""
    hyper: tuple[str, ...]
    coefficients: Callable[..., tuple[float, ...]]
    """From the hyperparameters of one class to k[1], k[2], …; k[0] is its class weight."""
    coefficient_count: int
    """How many these are."""
'''


class Coefficients:
    """The expressions in hyperparameters alone that have been met, numbered from 1."""

    def __init__(self) -> None:
        self.symbols: dict[sp.Basic, sp.Symbol] = {}

    def _symbol(self, expression: sp.Basic) -> sp.Basic:
        name = f"k{len(self.symbols) + 1}"
        return self.symbols.setdefault(expression, sp.Symbol(name, real=True))

    def extract(self, expression: sp.Basic) -> sp.Basic:
        """Replace the largest subexpressions without log p, log(1 − p) and t by symbols."""
        if not expression.free_symbols & PIXEL:
            return self._coefficient(expression)
        if isinstance(expression, (sp.Add, sp.Mul)):
            apart, rest = expression.as_independent(*PIXEL)
            terms = sp.Add.make_args if isinstance(expression, sp.Add) else sp.Mul.make_args
            return expression.func(self._coefficient(apart), *map(self._inside, terms(rest)))
        return self._inside(expression)

    def _coefficient(self, expression: sp.Expr) -> sp.Expr:
        """Leave numbers where they are, and signs, so that −α and α are one coefficient."""
        number, rest = expression.as_coeff_Mul()
        if rest.could_extract_minus_sign():
            number, rest = -number, -rest
        return number * self._symbol(rest) if rest.free_symbols else expression

    def _inside(self, expression: sp.Basic) -> sp.Basic:
        if isinstance(expression, sp.Piecewise):
            return sp.Piecewise(
                *((self.extract(e), self._condition(c)) for e, c in expression.args)
            )
        if not expression.args:
            return expression
        return expression.func(*map(self.extract, expression.args))

    def _condition(self, condition: sp.Basic) -> sp.Basic:
        """Replace a condition on hyperparameters alone: it is a number, 0 or 1, in the table."""
        if not condition.free_symbols & PIXEL:
            return sp.Ne(self._symbol(condition), 0) if condition.free_symbols else condition
        return self._inside(condition)


def _function(name: str, doc: str, expression: sp.Expr) -> str:
    printer = native_printer("triton")
    steps, (result,) = sp.cse([expression], symbols=(sp.Symbol(f"x{i}") for i in range(1000)))
    used = sorted(
        (s.name for s in expression.free_symbols - PIXEL), key=lambda symbol: int(symbol[1:])
    )
    lines = [f"{k} = k[{k[1:]}]" for k in used]
    lines += [f"{symbol} = {printer.doprint(step)}" for symbol, step in steps]
    body = "\n".join([f'"""{escaped(doc)}"""', *lines, f"return {printer.doprint(result)}"])
    return f"@triton.jit\ndef {name}(log_p, log_q, t, k):\n" + textwrap.indent(body, "    ")


def coefficients_function(part: TracedPart, loss: Loss, coefficients: Coefficients) -> str:
    """Print the function from the hyperparameters of one class to the coefficients."""
    name = part.function.__name__
    scalar = native_printer("numpy", part.hyper)
    entries = ", ".join(scalar.doprint(e) for e in coefficients.symbols)
    sets = {n for n in part.hyper if isinstance(loss.hyperparameters[n], ClassSet)}
    hyper = ", ".join(f"{n}: {'bool' if n in sets else 'float'}" for n in part.hyper)
    return (
        f"def {name}_coefficients({'*, ' if hyper else ''}{hyper}) -> tuple[float, ...]:\n"
        f'    """The coefficients k[1], k[2], … of `{name}` for one class."""\n'
        f"    return ({entries}{',' if len(coefficients.symbols) == 1 else ''})"
    )


def pixel_doc(part: TracedPart) -> str:
    """Return what a pixel term says of itself."""
    return (part.function.__doc__ or f"The pixel term `{part.function.__name__}`.").strip()


def _pixel(part: TracedPart, loss: Loss) -> tuple[str, str]:
    """Return the functions of a pixel term, and the `Term` that names them."""
    name = part.function.__name__
    coefficients = Coefficients()
    value, gradient = (coefficients.extract(e) for e in (part.value, *part.gradient))
    count = len(coefficients.symbols)
    functions = (
        _function(name, pixel_doc(part), value),
        _function(f"{name}_gradient", f"∂/∂log p of `{name}`.", gradient),
        coefficients_function(part, loss, coefficients),
    )
    term = f"Term({name}, {name}_gradient, {part.hyper!r}, {name}_coefficients, {count})"
    return "\n\n\n".join(functions), term


def emit_triton(losses: Iterable[Loss], source: str) -> str:
    """Return `unifocal_torch/triton_terms.py`: the pixel terms for the Triton kernels."""
    printed: dict[str, tuple[str, str]] = {}
    terms = []
    for loss in losses:
        part = _trace(loss).get("pixel")
        name = "" if part is None else part.function.__name__
        if part is not None:
            printed[name] = _pixel(part, loss)
        terms.append(f"{loss.name!r}: {printed[name][1] if name else None}")
    sections = [
        HEADER.format(source=source) + '"""The pixel terms as Triton functions."""',
        "from __future__ import annotations",
        "import math\nfrom collections.abc import Callable\nfrom typing import Any, NamedTuple",
        "import triton\nimport triton.language as tl",
        "from unifocal_torch import triton_math as tm",
        _PREAMBLE.strip(),
        *(functions for functions, _ in printed.values()),
        f"TERMS: dict[str, Term | None] = {{{', '.join(terms)}}}\n"
        '"""The pixel term of every loss, or None where it has none."""',
    ]
    return "\n\n".join(sections) + "\n"
