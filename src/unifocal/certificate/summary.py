"""Judge what was found: errors against 50 digits, differences between backends, bounds.

The result is the certificate's JSON; the Markdown table and the page are made of it alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np

from unifocal.certificate import bounds, golden
from unifocal.certificate.backends import Backend, Result
from unifocal.certificate.curves import MAGNITUDES, SIDES, SIZE_LOSSES, Curves, sizes
from unifocal.certificate.errors import (
    Error,
    gradient_error,
    neighbours,
    spread,
    ulp,
    value_error,
)
from unifocal.certificate.golden import Golden
from unifocal.certificate.measure import PRECISIONS, Found, Report, Settings
from unifocal.certificate.processes import Outcome

Array = np.ndarray[Any, Any]
Json = dict[str, Any]

SCHEMA = 1
"""Version of the layout of the JSON."""

TITLES = {
    "NUMPY": "NumPy",
    "TORCH": "PyTorch",
    "TORCH_COMPILE": "PyTorch, torch.compile",
    "JAX": "JAX",
    "JAX_JIT": "JAX, jit",
    "TENSORFLOW": "TensorFlow",
    "TENSORFLOW_GRAPH": "TensorFlow, tf.function",
    "TENSORFLOW_XLA": "TensorFlow, XLA",
}

PASSING = ("holds", "unavailable")
"""Verdicts of a row with which a certificate holds."""


@cache
def truth(loss: str) -> dict[str, Golden]:
    """The golden vectors of a loss by name."""
    return {vector.name: vector for vector in golden.load(loss)}


def title(report: Report) -> str:
    """How a report is called in tables."""
    name = TITLES[report.backend]
    return name if report.device == "cpu" else f"{name}, {report.device}"


def rounded(x: float) -> float | None:
    """Four digits are enough to read; JSON knows no infinity."""
    return float(f"{x:.4g}") if math.isfinite(x) else None


# One loss on one backend in one precision ---------------------------------------------------------


def _plain_numbers(found: Found) -> tuple[float, Array]:
    """Value and gradient in float64, which holds them exactly."""
    return float(found.value) * found.scale, found.gradient.astype(np.float64) * found.scale


Errors = dict[str, tuple[Error, Error]]
"""Of value and gradient, by case."""


def case_errors(loss: str, precision: str, found: dict[str, Found]) -> Errors:
    """Return the errors of value and gradient of every case."""
    dtype = PRECISIONS[precision].dtype
    value_dtype = "float64" if dtype == "float64" else "float32"
    errors = {}
    for case, one in found.items():
        value, gradient = _plain_numbers(one)
        wanted = truth(loss)[case]
        errors[case] = (
            value_error(value, wanted.value, value_dtype),
            gradient_error(gradient, wanted.gradient, dtype, bounds.UNDERFLOW[precision]),
        )
    return errors


def misrounded(report: Report, loss: str, precision: str) -> int | None:
    """Count what is not a better number rounded once.

    In half precision: entries of the gradient, against that of float32 on the same backend. In the
    exact precision: values, against 50 digits. Elsewhere nothing is promised.
    """
    found = report.found[loss, precision]
    if precision == "exact":
        return sum(not _rounded_once(one, truth(loss)[case].value) for case, one in found.items())
    single = report.found.get((loss, "float32"), {})
    if PRECISIONS[precision].dtype in ("float64", "float32") or not found.keys() <= single.keys():
        return None
    return sum(
        int((one.gradient != single[case].gradient.astype(one.gradient.dtype)).sum())
        for case, one in found.items()
    )


def _rounded_once(found: Found, wanted: Decimal) -> bool:
    value, _ = _plain_numbers(found)
    return value == float(np.float32(float(wanted)))


def _worst(errors: Errors, which: int) -> Json:
    case = max(errors, key=lambda name: errors[name][which].relative)
    return {
        "relative": rounded(errors[case][which].relative),
        "ulp": rounded(max(error[which].ulp for error in errors.values())),
        "case": case,
    }


def _judged(report: Report, loss: str, precision: str) -> Json:
    errors = case_errors(loss, precision, report.found[loss, precision])
    wrong = misrounded(report, loss, precision)
    value, gradient = (max(error[i].relative for error in errors.values()) for i in (0, 1))
    holds = (
        value <= bounds.VALUE[precision]
        and gradient <= bounds.GRADIENT[precision]
        and (wrong or 0) <= bounds.MISROUNDED
    )
    return {
        "cases": len(errors),
        "value": _worst(errors, 0),
        "gradient": _worst(errors, 1),
        "misrounded": wrong,
        "verdict": "holds" if holds else "exceeds",
        "note": None,
    }


def rows(reports: list[Report], settings: Settings) -> Iterator[Json]:
    """Yield one row per loss, backend, device and precision."""
    for loss, report, precision in itertools.product(settings.losses, reports, PRECISIONS):
        key = loss, precision
        row: Json = {
            "loss": loss,
            "backend": title(report),
            "precision": precision,
        }
        if reason := report.unavailable.get(key):
            row |= {"cases": 0, "verdict": "unavailable", "note": reason}
        elif reason := report.failures.get(key):
            row |= {"cases": 0, "verdict": "failed", "note": reason}
        else:
            row |= _judged(report, loss, precision)
        yield row


# Backends against each other ----------------------------------------------------------------------


def _shared_cases(
    reports: list[Report], loss: str, precision: str
) -> Iterator[tuple[Golden, dict[str, tuple[float, Array]]]]:
    """Yield each case with what every backend that saw it found, where two did."""
    for case, vector in truth(loss).items():
        found = {
            title(report): _plain_numbers(report.found[loss, precision][case])
            for report in reports
            if case in report.found.get((loss, precision), {})
        }
        if len(found) > 1:
            yield vector, found


def _case_spread(
    vector: Golden, found: dict[str, tuple[float, Array]], underflow: float
) -> tuple[float, float]:
    """The largest differences of value and gradient, in the measures of their errors."""
    largest = max(float(max(abs(y) for y in vector.gradient.flat)), underflow)
    return (
        spread(
            [np.array([value]) for value, _ in found.values()],
            max(abs(float(vector.value)), bounds.SMALL),
        ),
        spread([gradient for _, gradient in found.values()], largest),
    )


def between(reports: list[Report], settings: Settings) -> Iterator[Json]:
    """Yield, per loss and precision, how far any two backends are apart on the golden cases."""
    for loss, precision in itertools.product(settings.losses, PRECISIONS):
        underflow = bounds.UNDERFLOW[precision]
        spreads = [
            _case_spread(vector, found, underflow)
            for vector, found in _shared_cases(reports, loss, precision)
        ]
        if spreads:
            values, gradients = zip(*spreads, strict=True)
            yield {
                "loss": loss,
                "precision": precision,
                "cases": len(spreads),
                "value": rounded(max(values)),
                "gradient": rounded(max(gradients)),
            }


def identity(reports: list[Report], settings: Settings) -> Json | None:
    """Return how many bits of exact results differ between backends on a random volume."""
    reports = [report for report in reports if len(report.volumes) == len(settings.losses)]
    if len(reports) < 2:
        return None
    losses = [
        _identity(loss, [report.volumes[loss] for report in reports]) for loss in settings.losses
    ]
    entries = sum(loss["entries"] for loss in losses)
    # The worst pair of one loss need not be that of another: this is the most that a pair can have.
    differ = sum(loss["differ"] for loss in losses)
    values, distance = (max(loss[key] for loss in losses) for key in ("values", "ulp"))
    return {
        "backends": len(reports),
        "values": values,
        "entries": entries,
        "differ": differ,
        "per_million": rounded(differ / entries * 1e6),
        "ulp": distance,
        "holds": values == 1 and differ <= entries * bounds.APART * 1e-6 and distance <= 1,
        "losses": losses,
    }


def _identity(loss: str, volumes: list[Result]) -> Json:
    """One loss: different values, and differing entries of the two gradients furthest apart."""
    gradients = [neighbours(gradient) for _, gradient in volumes]
    pairs = [np.abs(a - b) for a, b in itertools.combinations(gradients, 2)]
    return {
        "loss": loss,
        "values": len({np.asarray(value).tobytes() for value, _ in volumes}),
        "entries": gradients[0].size,
        "differ": max(int((apart > 0).sum()) for apart in pairs),
        "ulp": max(int(apart.max()) for apart in pairs),
    }


# Plots --------------------------------------------------------------------------------------------


def _drawn(reports: list[Report]) -> dict[str, Curves]:
    """The curves of each framework, by title."""
    return {title(report): report.curves for report in reports if report.curves}


def _truth(drawn: dict[str, Curves]) -> Curves:
    """The numbers in float64, which NumPy's process brings; nothing where it failed."""
    known = (curves for curves in drawn.values() if ("truth", SIDES[0]) in curves.magnitudes)
    return next(known, Curves())


def size_lines(drawn: dict[str, Curves]) -> Iterator[Json]:
    """Yield each line of the plot over sizes: the largest error of the draws, in ulp."""
    for loss, (name, curves), who in itertools.product(
        SIZE_LOSSES, drawn.items(), ("ours", "plain")
    ):
        found, wanted = curves.sizes.get((who, loss)), _truth(drawn).sizes.get(("truth", loss))
        if found and wanted:
            yield {
                "loss": loss,
                "backend": name,
                "who": who,
                "ulp": [
                    rounded(max(map(_float32_ulp, *draws)))
                    for draws in zip(found, wanted, strict=True)
                ],
            }


def magnitude_lines(drawn: dict[str, Curves]) -> Iterator[Json]:
    """Yield each line of the plots over magnitudes; null where a number is not finite."""
    for side, (name, curves), who in itertools.product(SIDES, drawn.items(), ("ours", "plain")):
        found = curves.magnitudes.get((who, side))
        wanted = _truth(drawn).magnitudes.get(("truth", side))
        if found and wanted:
            pairs = list(zip(found, wanted, strict=True))
            yield {
                "side": side,
                "backend": name,
                "who": who,
                "value": [rounded(_float32_ulp(float(f[0]), float(w[0]))) for f, w in pairs],
                "gradient": [rounded(_largest_ulp(f[1], w[1])) for f, w in pairs],
            }


def _float32_ulp(found: float, wanted: float) -> float:
    """In ulp of what is wanted, where that is a normal number; smaller ones may become 0."""
    if not math.isfinite(found):
        return math.inf
    apart = abs(found - wanted)
    return apart / ulp(wanted, "float32") if apart > bounds.UNDERFLOW["float32"] else 0.0


def _largest_ulp(found: Array, wanted: Array) -> float:
    """The same for the largest error, in ulp of the largest entry."""
    if not np.isfinite(found).all():
        return math.inf
    apart = float(np.abs(found.astype(np.float64) - wanted).max())
    largest = float(np.abs(wanted).max())
    return apart / ulp(largest, "float32") if apart > bounds.UNDERFLOW["float32"] else 0.0


# All ----------------------------------------------------------------------------------------------


def judge(outcomes: dict[Backend, Outcome], settings: Settings) -> Json:
    """Return everything that follows from what was found."""
    reports = [r for found in outcomes.values() if not isinstance(found, str) for r in found]
    judged = [*rows(reports, settings), *_lost(outcomes, settings)]
    same, drawn = identity(reports, settings), _drawn(reports)
    return {
        "holds": all(row["verdict"] in PASSING for row in judged) and (not same or same["holds"]),
        "devices": {title(report): report.hardware for report in reports},
        "bounds": {
            "value": bounds.VALUE,
            "gradient": bounds.GRADIENT,
            "small": bounds.SMALL,
            "misrounded": bounds.MISROUNDED,
            "differ_per_million": bounds.APART,
        },
        "rows": judged,
        "between": list(between(reports, settings)),
        "identity": same,
        "sizes": {"pixels": list(sizes(settings.quick)), "lines": list(size_lines(drawn))},
        "magnitudes": {
            "logits": [rounded(magnitude) for magnitude in MAGNITUDES],
            "lines": list(magnitude_lines(drawn)),
        },
    }


def _lost(outcomes: dict[Backend, Outcome], settings: Settings) -> Iterator[Json]:
    """Yield the rows of backends whose whole process failed."""
    for backend, outcome in outcomes.items():
        if isinstance(outcome, str):
            for loss, precision in itertools.product(settings.losses, PRECISIONS):
                yield {
                    "loss": loss,
                    "backend": TITLES[backend.name],
                    "precision": precision,
                    "cases": 0,
                    "verdict": "failed",
                    "note": outcome,
                }
