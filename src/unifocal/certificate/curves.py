"""What the plots show: float32 values over the size of a problem and over the size of logits.

This project's functions run beside the textbook formulas (`unifocal.certificate.plain`) on the
same arrays. The truth is NumPy's `precision="exact"` on the same numbers in float64: good to some
1e-15, where float32 has 6e-8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unifocal.certificate.backends import Backend, Call, Result
from unifocal.certificate.devices import Device, placement
from unifocal.certificate.plain import formula

Array = np.ndarray[Any, Any]

SIZE_LOSSES = ("cross_entropy", "dice")
"""One loss of pixel terms and one of regions."""

SIZES = tuple(10**k for k in range(2, 8))
QUICK_SIZE = 100_000
FOREGROUND = 0.05

MAGNITUDE_LOSS = "unified_focal"
MAGNITUDES = tuple(10 ** (k / 4) for k in range(17))
SIDES = ("right", "wrong")


@dataclass
class Curves:
    """By who gave them ("ours", "plain" or "truth"): the numbers behind the plots."""

    sizes: dict[tuple[str, str], list[list[float]]] = field(default_factory=dict)
    """By who and loss: for every size the value of every draw."""
    magnitudes: dict[tuple[str, str], list[Result]] = field(default_factory=dict)
    """By who and side: for every magnitude value and gradient."""


def sizes(quick: bool) -> tuple[int, ...]:
    """The sizes of problems, in pixels."""
    return tuple(size for size in SIZES if not quick or size <= QUICK_SIZE)


def draws(size: int) -> int:
    """How many random problems of a size are tried: five, and fewer of the large ones."""
    return max(1, min(5, 10**6 // size))


def problem(size: int, draw: int) -> tuple[Array, Array]:
    """Logits (1, 2, size) of a fair prediction, and labels with a few foreground pixels."""
    random = np.random.default_rng([size, draw])
    label = (random.random((1, size), dtype=np.float32) < FOREGROUND).astype(np.int64)
    logits = random.standard_normal((1, 2, size), dtype=np.float32)
    logits[:, 1] += np.where(label == 1, np.float32(2), np.float32(-2))
    return logits, label


def saturated(magnitude: float, side: str) -> tuple[Array, Array]:
    """Logits (1, 2, 48) whose classes are about `magnitude` apart, for or against the label."""
    random = np.random.default_rng(0)
    label = (np.arange(48) % 4 == 0).astype(np.int64)[None]
    named = label if side == "right" else 1 - label
    half = magnitude * random.uniform(0.4, 0.6, size=(1, 2, 48))
    return np.where(np.stack([1 - named, named], axis=1) == 1, half, -half).astype("f4"), label


def _lay_out(backend: Backend, logits: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(logits, 1, backend.default_axis))


# Sizes --------------------------------------------------------------------------------------------


def _sized_values(
    backend: Backend, device: Device, functions: list[Callable[..., Any]], quick: bool
) -> Iterator[list[list[float]]]:
    """Yield, for every size, the value of every draw, of every function."""
    for size in sizes(quick):
        values = []
        for draw in range(draws(size)):
            logits, label = problem(size, draw)
            with placement(backend.framework, device):
                z = backend.asarray(_lay_out(backend, logits), device)
                t = backend.asarray(label, device)
                values.append([float(function(z, t)) for function in functions])
        yield [list(column) for column in zip(*values, strict=True)]


def _size_curves(
    backend: Backend, device: Device, quick: bool
) -> dict[tuple[str, str], list[list[float]]]:
    functions: dict[tuple[str, str], Callable[..., Any]] = {}
    for loss in SIZE_LOSSES:
        functions["ours", loss] = getattr(backend.losses(), loss)
        if backend is Backend.NUMPY:
            functions["truth", loss] = _in_float64(getattr(backend.losses(), loss))
        else:
            functions["plain", loss] = formula(backend.framework, loss)
    found = list(_sized_values(backend, device, list(functions.values()), quick))
    return {key: [values[i] for values in found] for i, key in enumerate(functions)}


def _in_float64(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda z, t: function(z.astype(np.float64), t)


# Magnitudes ---------------------------------------------------------------------------------------


def _magnitude_curve(
    backend: Backend, run: Callable[..., list[Result]], side: str, dtype: str
) -> list[Result]:
    results = []
    for magnitude in MAGNITUDES:
        logits, label = saturated(magnitude, side)
        ((value, gradient),) = run(_lay_out(backend, logits).astype(dtype), label)
        results.append((value, np.moveaxis(gradient, backend.default_axis, 1)))
    return results


def _magnitude_curves(backend: Backend, device: Device) -> dict[tuple[str, str], list[Result]]:
    ours = backend.program([MAGNITUDE_LOSS], device)
    curves = {("ours", side): _magnitude_curve(backend, ours, side, "float32") for side in SIDES}
    if backend is Backend.NUMPY:
        return curves | {
            ("truth", side): _magnitude_curve(backend, ours, side, "float64") for side in SIDES
        }
    call = Call(formula(backend.framework, MAGNITUDE_LOSS), "", {}, backend.default_axis)
    plain = backend.run([call], device)
    return curves | {
        ("plain", side): _magnitude_curve(backend, plain, side, "float32") for side in SIDES
    }


def measure_curves(backend: Backend, device: Device, quick: bool) -> Curves:
    """Measure what the plots show of a backend."""
    return Curves(_size_curves(backend, device, quick), _magnitude_curves(backend, device))
