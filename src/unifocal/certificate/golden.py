"""The golden vectors: for each loss, calls with their value and gradient to 30 digits, as JSON.

`load` reads them with NumPy and the standard library alone. `write` and `check` compute them anew,
from the naive oracle only (`unifocal.certificate.oracle`), and need mpmath. The files and what
their entries mean are described in `unifocal_spec/golden/README.md`.
"""

from __future__ import annotations

import difflib
import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

import unifocal_spec
from unifocal.certificate.golden_inputs import Inputs, exact_in, inputs
from unifocal_spec import LOSSES

Array = np.ndarray[Any, Any]

SCHEMA = 1
"""Version of the layout, which `schema.json` describes."""

VECTORS = "1.0"
"""Version of the numbers: the first part counts changed numbers, the second added cases."""

DIGITS = 30
"""Significant digits of every value and every entry of a gradient."""


@dataclass(frozen=True)
class Golden:
    """One call of a loss with its value and gradient to 30 digits.

    `getattr(unifocal, loss)(logits, target, weight=weight, **keywords)` is to give `value`.

    Values are `decimal.Decimal`: an entry may be as small as 1e-13000, which `float` makes 0 and
    `Fraction` a number of 13000 digits. `float(value)` rounds once. A difference of two needs no
    more than the default context of 28 digits, since its own relative error is then 1e-28.
    """

    name: str
    loss: str
    logits: Array
    target: Array
    weight: Array | None
    keywords: dict[str, Any]
    """Every option and every hyperparameter, also where it is the default."""
    value: Decimal
    gradient: Array
    """By the logits, with their shape; `Decimal` entries."""
    exact_in: tuple[str, ...]
    """The float dtypes that hold logits, target and weight without rounding."""


# Reading ---------------------------------------------------------------------------------------


def _array(entry: dict[str, Any]) -> Array:
    return np.array(entry["data"], dtype=entry["dtype"]).reshape(entry["shape"])


def _golden(loss: str, case: dict[str, Any]) -> Golden:
    gradient = np.empty(len(case["gradient"]["data"]), dtype=object)
    gradient[:] = [Decimal(digits) for digits in case["gradient"]["data"]]
    return Golden(
        name=case["name"],
        loss=loss,
        logits=_array(case["logits"]),
        target=_array(case["target"]),
        weight=None if case["weight"] is None else _array(case["weight"]),
        keywords=case["options"] | case["hyperparameters"],
        value=Decimal(case["value"]),
        gradient=gradient.reshape(case["gradient"]["shape"]),
        exact_in=tuple(case["exact_in"]),
    )


def load(loss: str) -> list[Golden]:
    """Return the golden vectors of a loss.

    >>> golden = load("cross_entropy")[0]
    >>> golden.name, golden.logits.shape, str(golden.value)[:6]
    ('defaults', (2, 3, 2, 2), '2.6222')
    """
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {list(LOSSES)}, got {loss!r}")
    text = files(unifocal_spec).joinpath("golden", f"{loss}.json").read_text("utf-8")
    return [_golden(loss, case) for case in json.loads(text)["cases"]]


# Writing ---------------------------------------------------------------------------------------


def decimal_digits(number: Any) -> str:
    """Return an mpmath number with 30 significant digits, rounded once; "0" for exactly zero."""
    import mpmath as mp

    if number == 0:
        return "0"
    with mp.workdps(2 * DIGITS):  # converting thousands of digits would take far longer
        return mp.nstr(
            +number, DIGITS, strip_zeros=False, min_fixed=float("inf"), max_fixed=-float("inf")
        )


def _entry(x: Array) -> dict[str, Any]:
    return {"shape": list(x.shape), "dtype": x.dtype.name, "data": x.ravel().tolist()}


def compute(loss: str, call: Inputs) -> dict[str, Any]:
    """Return the JSON of one call, its value and gradient computed by the oracle."""
    from unifocal.certificate import oracle

    value, gradient = oracle.exact_value_and_grad(
        loss, call.logits, call.target, call.weight, **call.options, **call.hyper
    )
    return {
        "name": call.name,
        "exact_in": exact_in(call.logits, call.target, call.weight),
        "logits": _entry(call.logits),
        "target": _entry(call.target),
        "weight": None if call.weight is None else _entry(call.weight),
        "options": call.options,
        "hyperparameters": call.hyper,
        "value": decimal_digits(value),
        "gradient": {
            "shape": list(gradient.shape),
            "data": [decimal_digits(entry) for entry in gradient.ravel()],
        },
    }


def _lines(entries: dict[str, Any], indent: str) -> str:
    """One key per line, so that a difference shows what changed."""
    rows = (f"{indent} {json.dumps(k)}: {json.dumps(v)}" for k, v in entries.items())
    return f"{indent}{{\n" + ",\n".join(rows) + f"\n{indent}}}"


def _text(loss: str, cases: list[dict[str, Any]]) -> str:
    head = {
        "$schema": "schema.json",
        "schema": SCHEMA,
        "vectors": VECTORS,
        "loss": loss,
        "digits": DIGITS,
    }
    body = ",\n".join(_lines(case, "  ") for case in cases)
    return _lines(head, "").removesuffix("\n}") + f',\n "cases": [\n{body}\n ]\n}}\n'


def _folder() -> Path:
    return Path(unifocal_spec.__file__).parent / "golden"


def _texts() -> dict[str, str]:
    """Compute every file's text by its name, on all cores, the longest computations first."""
    jobs = [(loss, call) for loss in LOSSES for call in inputs(loss)]
    jobs.sort(key=lambda job: -float(abs(job[1].logits).max()))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=context) as pool:
        computed = list(pool.map(compute, *zip(*jobs, strict=True)))
    by_name = {(loss, case["name"]): case for (loss, _), case in zip(jobs, computed, strict=True)}
    return {
        f"{loss}.json": _text(loss, [by_name[loss, call.name] for call in inputs(loss)])
        for loss in LOSSES
    }


def _differences() -> Iterator[tuple[str, str, str]]:
    """Yield name, text and difference of every file that is not as it would be written."""
    for name, wanted in _texts().items():
        file = _folder() / name
        found = file.read_text("utf-8") if file.is_file() else ""
        if found != wanted:
            lines = (found.splitlines(keepends=True), wanted.splitlines(keepends=True))
            yield name, wanted, "".join(difflib.unified_diff(*lines, name, f"{name} (computed)"))


def write() -> list[str]:
    """Write the files that differ and return their names."""
    changed = []
    for name, text, _ in _differences():
        (_folder() / name).write_text(text, "utf-8")
        changed.append(name)
    return changed


def check() -> str:
    """Return the difference between the files and what would be computed; empty if none."""
    return "".join(difference for _, _, difference in _differences())
