"""Print the pixel terms and their derivatives as Numba functions, for PyTorch on a processor.

A function takes a row of pixels, for whose loop Numba makes vector instructions. All terms of a
value lie behind one function, and so do all derivatives: one compilation serves every loss.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

import sympy as sp

from unifocal.compiler.docs import escaped
from unifocal.compiler.emit import HEADER, _trace
from unifocal.compiler.printers import native_printer
from unifocal.compiler.trace import INPUTS, LOG_P, LOG_Q, TracedPart, log_odds
from unifocal.compiler.triton import PIXEL, Coefficients, coefficients_function, pixel_doc
from unifocal_spec import Loss

_PREAMBLE = '''
class Term(NamedTuple):
    """The pixel term of a loss."""

    number: int
    """By which `pixel_values` and `pixel_gradients` know it."""
    hyper: tuple[str, ...]
    coefficients: Callable[..., tuple[float, ...]]
    """From the hyperparameters of one class to k[1], k[2], …; k[0] is its class weight."""


row_function = nm.inner
"""Compiles a function of n pixels, each with log p, log(1 − p), t and coefficients k."""
'''


def _function(name: str, doc: str, expression: sp.Expr) -> str:
    printer = native_printer("numba")
    steps, (result,) = sp.cse([expression], symbols=(sp.Symbol(f"x{i}") for i in range(1000)))
    used = {s.name for s in expression.free_symbols}
    coefficients = sorted(used - {s.name for s in PIXEL}, key=lambda symbol: int(symbol[1:]))
    loop = [f"{s} = {s}s[i]" for s in map(str, INPUTS["pixel"]) if s in used]
    loop += ["odds = y[i]"] if expression.has(log_odds) else []
    loop += [f"{k} = k[{k[1:]}, i]" for k in coefficients]
    loop += [f"{symbol} = {printer.doprint(step)}" for symbol, step in steps]
    loop += [f"y[i] = k[0, i] * ({printer.doprint(result)})"]
    real = ["real = y.dtype.type"] if any("real(" in line for line in loop) else []
    body = [f'"""{escaped(doc)}"""', *real, "for i in range(n):"]
    text = "\n".join(body) + "\n" + textwrap.indent("\n".join(loop), "    ")
    return f"@row_function\ndef {name}(n, log_ps, log_qs, ts, k, y):\n" + textwrap.indent(
        text, "    "
    )


def _pixel(part: TracedPart, loss: Loss) -> str:
    """Return the functions of a pixel term."""
    name = part.function.__name__
    coefficients = Coefficients()
    value, gradient = (coefficients.extract(e) for e in (part.value, *part.gradient))
    return "\n\n\n".join(
        (
            _function(name, pixel_doc(part), value),
            _function(f"{name}_gradient", f"∂/∂log p of `{name}`.", gradient),
            coefficients_function(part, loss, coefficients),
        )
    )


def _choice(name: str, doc: str, functions: list[str]) -> str:
    cases = [
        f"if term == {i}:\n    {f}(n, log_ps, log_qs, ts, k, y)" for i, f in enumerate(functions)
    ]
    body = "\n".join([f'"""{doc}"""', *cases])
    return f"@row_function\ndef {name}(term, n, log_ps, log_qs, ts, k, y):\n" + textwrap.indent(
        body, "    "
    )


def _reads(name: str, doc: str, parts: Iterable[tuple[sp.Expr, ...]], symbols: Any) -> str:
    """Return a table of which inputs an expression has, for each term."""
    rows = [tuple(any(e.has(s) for e in part) for s in symbols) for part in parts]
    return f'{name} = {tuple(rows)!r}\n"""{doc}"""'


def emit_numba(losses: Iterable[Loss], source: str) -> str:
    """Return `unifocal_torch/numba_terms.py`: the pixel terms for Numba's kernels."""
    printed: dict[str, str] = {}
    parts: list[TracedPart] = []
    terms = []
    for loss in losses:
        part = _trace(loss).get("pixel")
        term = "None"
        if part is not None:
            name = part.function.__name__
            if name not in printed:
                printed[name] = _pixel(part, loss)
                parts.append(part)
            number = list(printed).index(name)
            term = f"Term({number}, {part.hyper!r}, {name}_coefficients)"
        terms.append(f"{loss.name!r}: {term}")
    gradients = [f"{name}_gradient" for name in printed]
    sections = [
        HEADER.format(source=source) + '"""The pixel terms as Numba functions."""',
        "from __future__ import annotations",
        "import math\nfrom collections.abc import Callable\nfrom typing import NamedTuple",
        "from unifocal_torch import numba_math as nm",
        _PREAMBLE.strip(),
        *printed.values(),
        _choice("pixel_values", "Write k[0] times a term of n pixels to y.", list(printed)),
        _choice(
            "pixel_gradients",
            "Replace the odds p / (1 − p) in y by k[0] times ∂term/∂log p.",
            gradients,
        ),
        _reads(
            "VALUE_READS",
            "Whether log p and log(1 − p) are read by the value of each term.",
            ((part.value,) for part in parts),
            (LOG_P, LOG_Q),
        ),
        _reads(
            "GRADIENT_READS",
            "Whether log p, log(1 − p) and the odds are read by the derivative of each term.",
            (part.gradient for part in parts),
            (LOG_P, LOG_Q, log_odds),
        ),
        f"TERMS: dict[str, Term | None] = {{{', '.join(terms)}}}\n"
        '"""The pixel term of every loss, or None where it has none."""',
    ]
    return "\n\n".join(sections) + "\n"
