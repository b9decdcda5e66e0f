"""The certificate's JSON as tables and sentences, for the Markdown and the page alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

VERDICTS = {
    "holds": "holds",
    "exceeds": "exceeds",
    "unavailable": "not available",
    "failed": "failed",
}

EXACT = (
    '"exact" stands for float32 logits with precision="exact". The cases are small: but for '
    "tf.function, which does not know so, their terms are summed in float64 whatever the logits "
    "are in. Terms in float32 are in the plots, over the size of a problem."
)

DEFINITIONS = {
    "The truth": (
        "For every loss, golden vectors: value and gradient of up to 29 small problems to 30 "
        "digits, computed with 50 digits and more from the definitions alone."
    ),
    "Cases": (
        "Where code runs eagerly, every golden vector that the dtype holds without rounding. Where "
        "every new shape is compiled (JAX always is), those of three classes with default options, "
        "filled up with pixels of weight 0 to one shape; five losses make one program. tf.function "
        "runs with unknown shapes."
    ),
    "Error of a value": (
        "|found − true|, divided by the larger of |true| and 0.01; in ulp: divided by the spacing "
        "of the dtype's numbers there. The value of half-precision logits is a float32."
    ),
    "Error of a gradient": (
        "The largest |found − true| of an entry, divided by the largest true entry; in ulp: "
        "divided by the spacing of the dtype's numbers there. Below the dtype's normal numbers an "
        "entry may become 0."
    ),
    "Rounded once": (
        "In half precision the number of entries of the gradient that are not those of float32 "
        "rounded once; in the exact precision the number of values that are not the true ones "
        "rounded once. Nothing is promised elsewhere."
    ),
}


@dataclass(frozen=True)
class Table:
    """Texts in rows, under a title."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    words: int = 1
    """How many columns come before the numbers."""


def number(x: float | None) -> str:
    """Two digits, as short as can be.

    >>> number(2.384e-07), number(0.0), number(None)
    ('2.4e-7', '0', 'not finite')
    """
    if x is None:
        return "not finite"
    if x == 0:
        return "0"
    mantissa, _, exponent = f"{x:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def few(x: float | None) -> str:
    """A number of ulp.

    >>> few(0.4994), few(29380.0)
    ('0.5', '29380')
    """
    if x is None:
        return "not finite"
    return f"{x:.0f}" if x >= 100 else f"{x:.2g}"


def precisions(certificate: Json) -> list[str]:
    """The precisions that were measured."""
    return list(dict.fromkeys(row["precision"] for row in certificate["rows"]))


def backends(certificate: Json) -> list[str]:
    """The backends that were measured."""
    return list(dict.fromkeys(row["backend"] for row in certificate["rows"]))


def chosen(certificate: Json, **keys: str) -> list[Json]:
    """The rows with these entries."""
    return [row for row in certificate["rows"] if keys.items() <= row.items()]


def count(number: int, thing: str) -> str:
    """A number of things.

    >>> count(1, "row"), count(2, "row")
    ('1 row', '2 rows')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}".replace(",", " ")


# Sentences ----------------------------------------------------------------------------------------


def heading(certificate: Json) -> str:
    """What this is a certificate of."""
    return f"Certificate of unifocal {certificate['unifocal']}"


def verdict(certificate: Json) -> str:
    """The whole in a sentence."""
    rows = [row for row in certificate["rows"] if row["verdict"] != "unavailable"]
    bad = [row for row in rows if row["verdict"] in ("exceeds", "failed")]
    if not bad:
        return f"All {count(len(rows), 'row')} hold their bounds."
    return f"{count(len(bad), 'row')} of {len(rows)} exceed a bound or failed."


def made_with(certificate: Json) -> list[tuple[str, str]]:
    """Where the numbers come from."""
    versions = [f"{name} {version}" for name, version in certificate["versions"].items()]
    hardware: dict[str, list[str]] = {}
    for backend, title in certificate["devices"].items():
        hardware.setdefault(title, []).append(backend)
    devices = [
        title if len(hardware) == 1 else f"{title}: {'; '.join(names)}"
        for title, names in hardware.items()
    ]
    made = [
        ("Source", certificate["commit"] or f"unifocal {certificate['unifocal']}"),
        ("Made", f"{certificate['made']}, in {certificate['seconds']} seconds"),
        ("Versions", ", ".join(versions)),
        ("Device", "; ".join(devices)),
        ("System", certificate["system"]),
    ]
    missing = certificate["not_installed"]
    return made + ([("Not installed", ", ".join(missing))] if missing else [])


def exceptions(certificate: Json) -> Iterator[str]:
    """Yield what does not simply hold, row by row, with the reason where there is one."""
    for row in certificate["rows"]:
        where = f"{row['loss']}, {row['backend']}, {row['precision']}"
        if row["verdict"] == "exceeds":
            yield f"Exceeds: {where}: {_excess(certificate, row)}."
        elif row["verdict"] == "failed":
            yield f"Failed: {where}: {row['note']}"
    for backend, reason in {
        (row["backend"], row["note"]): None
        for row in certificate["rows"]
        if row["verdict"] == "unavailable"
    }:
        yield f"Not available: {backend}: {reason}"


def _excess(certificate: Json, row: Json) -> str:
    """Which bounds a row exceeds."""
    parts = []
    for kind in ("value", "gradient"):
        found, bound = row[kind]["relative"], certificate["bounds"][kind][row["precision"]]
        if found is None or found > bound:
            allowed = f"{number(bound)} is allowed, at “{row[kind]['case']}”"
            parts.append(f"{kind} {number(found)} where {allowed}")
    if (row["misrounded"] or 0) > certificate["bounds"]["misrounded"]:
        parts.append(f"{count(row['misrounded'], 'number')} not rounded once")
    return "; ".join(parts)


def same_bits(certificate: Json) -> str | None:
    """What `precision="exact"` gives on a random volume, in words."""
    found = certificate["identity"]
    if found is None:
        return None
    values = (
        f"all {found['backends']} backends give the same bits of every value"
        if found["values"] == 1
        else f"the {found['backends']} backends do not give the same bits of every value"
    )
    allowed = certificate["bounds"]["differ_per_million"]
    differ = f"{number_per_million(found)} in a million entries of gradients differ"
    return (
        f'precision="exact" on a random volume of 2 × 3 × 50000 logits: {values}; between any two, '
        f"at most {differ} ({allowed} are allowed), none by more than {found['ulp']} ulp."
    )


def number_per_million(found: Json) -> str:
    """The share of differing entries."""
    return f"{found['per_million']:.2g}"


# Tables -------------------------------------------------------------------------------------------


def overview(certificate: Json) -> Table:
    """The largest errors of all losses, per backend and precision, under their bounds."""
    columns = precisions(certificate)
    limits = [
        f"{number(certificate['bounds']['value'][p])} / "
        f"{number(certificate['bounds']['gradient'][p])}"
        for p in columns
    ]
    rows = [
        [backend, *(_worst(chosen(certificate, backend=backend, precision=p)) for p in columns)]
        for backend in backends(certificate)
    ]
    return Table(
        "Largest error of value / gradient, of all losses",
        ["", *columns],
        [["allowed", *limits], *rows],
    )


def _worst(rows: Iterable[Json]) -> str:
    measured = [row for row in rows if row["cases"]]
    if not measured:
        return "not available"
    value, gradient = (
        max((row[kind]["relative"] for row in measured), key=_finite_last)
        for kind in ("value", "gradient")
    )
    exceeds = " exceeds" if any(row["verdict"] == "exceeds" for row in measured) else ""
    return f"{number(value)} / {number(gradient)}{exceeds}"


def _finite_last(x: float | None) -> float:
    return math.inf if x is None else x


def differences(certificate: Json) -> Table | None:
    """How far any two backends are apart, per loss and precision."""
    columns = precisions(certificate)
    found = {(row["loss"], row["precision"]): row for row in certificate["between"]}
    if not found:
        return None
    rows = []
    for loss in dict.fromkeys(loss for loss, _ in found):
        cells = (found.get((loss, precision)) for precision in columns)
        rows.append([loss, *("–" if c is None else _pair(c) for c in cells)])
    return Table(
        "Largest difference between any two backends: value / gradient",
        ["", *columns],
        rows,
    )


def _pair(row: Json) -> str:
    return f"{number(row['value'])} / {number(row['gradient'])}"


def details(certificate: Json, precision: str) -> Table:
    """Every row of a precision."""
    return Table(
        precision,
        [
            "Loss",
            "Backend",
            "Cases",
            "Value",
            "ulp",
            "Gradient",
            "ulp",
            "Not rounded once",
            "Bound",
        ],
        [
            _allowed(certificate["bounds"], precision),
            *(_detail(row) for row in chosen(certificate, precision=precision)),
        ],
        words=2,
    )


def _allowed(bounds: Json, precision: str) -> list[str]:
    value, gradient = (number(bounds[kind][precision]) for kind in ("value", "gradient"))
    promised = precision not in ("float64", "float32")
    once = str(bounds["misrounded"]) if promised else "–"
    return ["allowed", "", "", value, "", gradient, "", once, ""]


def _detail(row: Json) -> list[str]:
    end = VERDICTS[row["verdict"]]
    if not row["cases"]:
        return [row["loss"], row["backend"], "0", "–", "–", "–", "–", "–", end]
    errors = [
        text
        for kind in ("value", "gradient")
        for text in (number(row[kind]["relative"]), few(row[kind]["ulp"]))
    ]
    once = "–" if row["misrounded"] is None else str(row["misrounded"])
    return [row["loss"], row["backend"], str(row["cases"]), *errors, once, end]
