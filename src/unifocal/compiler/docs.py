"""The docstring of a public loss: sentence, formula, special cases, arguments, doctest."""

from __future__ import annotations

import textwrap

import mpmath as mp
import numpy as np

from unifocal.namespaces import mpmath_namespace
from unifocal_spec import Loss, evaluate
from unifocal_spec.claims.table import CLAIMS

EXAMPLE_LOGITS = [[2.0, -1.0], [0.5, 1.5]]
EXAMPLE_TARGET = [0, 1]

_SYMBOLS = {
    "p_c": "p the class probabilities",
    "t_c": "t the target",
    "W": "W = Σ w the weighted pixels",
    "TI": "TI_c(α, β) = (TP_c + s) / (TP_c + α FP_c + β FN_c + s)",
}


def _wrap(text: str, indent: str = "", hanging: str = "") -> str:
    return textwrap.fill(text, 92, initial_indent=indent, subsequent_indent=indent + hanging)


def example_value(loss: Loss) -> str:
    """The value of the doctest's example, to four decimals, from 50-digit arithmetic."""
    with mp.workdps(50):
        xp = mpmath_namespace()
        value = evaluate(loss, xp, xp.asarray(np.array(EXAMPLE_LOGITS)), np.array(EXAMPLE_TARGET))
        return repr(round(float(value), 4))


RETURNS = (
    'A scalar, or one loss per sample for reduction="none"; float32 for half-precision logits, '
    "else of the dtype of `logits`."
)


def escaped(text: str) -> str:
    """Write text as it stands between the quotes of a docstring."""
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return text[:-1] + '\\"' if text.endswith('"') else text


def _example(loss: Loss, doctest: list[str]) -> list[str]:
    """Return the doctest with its value; nothing if the defaults are for more classes."""
    try:
        return [*(f">>> {line}" for line in doctest), example_value(loss)]
    except ValueError:
        return []


def docstring(
    loss: Loss,
    doctest: list[str],
    *,
    logits: str = "logits",
    target: str = "target",
    returns: str = RETURNS,
    note: str = "",
) -> str:
    """Return the docstring of a public loss, quotes included; `doctest` ends in the value."""
    equation = f"    {loss.paper}" if loss.paper else ""
    where = "; ".join(text for symbol, text in _SYMBOLS.items() if symbol in loss.formula)
    cases = [c.statement for c in CLAIMS if c.general == loss.name and c.holds]
    lines = [loss.summary, "", f"    L = {loss.formula}{equation}", ""]
    if where:
        lines += [_wrap(f"with {where}."), ""]
    if note:
        lines += [_wrap(note), ""]
    if cases:
        lines += ["Special cases, proved:", *(_wrap(c, "  * ", "  ") for c in cases), ""]
    arguments = {
        logits: "float array with samples along axis 0, classes along `axis`, and any number of "
        "spatial dimensions.",
        target: f"class indices (the shape of `{logits}` without `axis`, integer or bool) or "
        f"values in [0, 1] per class (the shape of `{logits}`).",
        **{name: f"{h.meaning}." for name, h in loss.hyperparameters.items()},
        "axis … precision": "the keywords common to all losses, see `unifocal_spec.options`.",
    }
    lines += [
        "Args:",
        *(_wrap(f"{name}: {meaning}", "    ", "    ") for name, meaning in arguments.items()),
        "",
        "Returns:",
        _wrap(returns, "    "),
        "",
        "Raises:",
        _wrap("ValueError, TypeError: naming the argument, what came and what was wanted.", "    "),
        "",
        *_example(loss, doctest),
    ]
    text = "\n".join(lines).rstrip()
    return f'"""{escaped(text)}\n"""'
