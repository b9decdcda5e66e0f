"""What one process measures: a backend on its devices, loss by loss and precision by precision.

Nothing is judged here: the numbers found go back as they are, to be held to the golden values and
to each other by `unifocal.certificate.summary`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from unifocal.certificate import golden, padding
from unifocal.certificate.backends import Backend, Result
from unifocal.certificate.curves import Curves, measure_curves
from unifocal.certificate.devices import Device, devices
from unifocal.certificate.golden import Golden

Array = np.ndarray[Any, Any]
Tell = Callable[[int, int], None]
"""Takes how many steps were just done, and how many there are in all."""


@dataclass(frozen=True)
class Precision:
    """A dtype of the logits, and the keyword that says how to calculate."""

    dtype: str
    keyword: str = "native"

    @property
    def inside(self) -> str:
        """The dtype that pixels are computed in; halves are widened to float32."""
        return "float64" if self.keyword == "exact" else self.dtype


PRECISIONS = {
    # float32 comes before the halves, which are held to it, and float64 is asked for most.
    "float64": Precision("float64"),
    "float32": Precision("float32"),
    "float16": Precision("float16"),
    "bfloat16": Precision("bfloat16"),
    "exact": Precision("float32", "exact"),
}

GROUP = 5
"""Losses that are compiled into one program: compilers charge for each."""

PADDED_PIXELS = {"exact": 50_000}
"""Pixels of a sample in a padded case; for the exact precision those of the random volume."""


@dataclass(frozen=True)
class Settings:
    """What to measure."""

    losses: tuple[str, ...]
    device: str | None
    """A kind of device, or None for all that a framework has."""
    quick: bool
    """Eager modes and small problems only."""


@dataclass(frozen=True)
class Found:
    """What a backend gave for one golden case."""

    value: Any
    gradient: Array
    scale: float = 1.0
    """Both are to be multiplied by this, exactly: a power of two."""


@dataclass
class Report:
    """Everything that was found on one backend and device."""

    backend: str
    device: str
    hardware: str
    found: dict[tuple[str, str], dict[str, Found]] = field(default_factory=dict)
    """By loss and precision, then by case."""
    volumes: dict[str, Result] = field(default_factory=dict)
    """By loss: `precision="exact"` on a random volume."""
    unavailable: dict[tuple[str, str], str] = field(default_factory=dict)
    """By loss and precision: what this machine cannot do."""
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    """By loss and precision: what was raised."""
    curves: Curves | None = None


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The dtype of this name, also bfloat16, which NumPy has from another package."""
    if name != "bfloat16":
        return np.dtype(name)
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16)


def cast(x: Array | None, dtype: str) -> Array | None:
    """Floats in this dtype; labels as they are."""
    return x if x is None or x.dtype.kind != "f" else x.astype(numpy_dtype(dtype))


def volume() -> tuple[Array, Array]:
    """Random logits (2, 3, 50000) and labels, to compare every bit of large gradients."""
    random = np.random.default_rng(0)
    shape = (padding.SAMPLES, padding.CLASSES, PADDED_PIXELS["exact"])
    logits = random.normal(scale=4, size=shape).astype(np.float32)
    return logits, random.integers(0, shape[1], size=(shape[0], shape[2]))


# Golden cases, as they are or padded to one shape -------------------------------------------------


def whole_cases(
    backend: Backend, device: Device, loss: str, precision: Precision
) -> Iterator[tuple[str, Found]]:
    """Yield every golden case that the dtype holds."""
    for vector in golden.load(loss):
        if precision.dtype in vector.exact_in:
            keywords = vector.keywords | {"precision": precision.keyword}
            arrays = (vector.logits, vector.target, vector.weight)
            run = backend.program([loss], device, **keywords)
            (result,) = run(*(cast(x, precision.dtype) for x in arrays))
            yield vector.name, Found(*result)


def whole_volume(backend: Backend, device: Device, loss: str) -> Result:
    """Return the exact result on the random volume."""
    logits, target = volume()
    run = backend.program([loss], device, precision="exact")
    (result,) = run(_lay_out(backend, logits), target)
    return _lay_back(backend, result)


@cache
def padded_vectors() -> tuple[Golden, ...]:
    """The golden vectors that can be padded; their inputs are the same for every loss."""
    return tuple(vector for vector in golden.load("dice") if padding.fits(vector))


Program = Callable[..., list[Result]]


def padded_cases(
    backend: Backend, program: Program, precision: Precision, pixels: int
) -> Iterator[tuple[str, list[Found]]]:
    """Yield, of each padded case, what is found for every loss of a program."""
    for vector in padded_vectors():
        arrays = [cast(x, precision.dtype) for x in padding.pad(vector, pixels)]
        results = program(_lay_out(backend, arrays[0]), *arrays[1:])
        scale = padding.scale(vector)
        yield (
            vector.name,
            [
                Found(value, padding.cut(gradient, vector).copy(), scale)
                for value, gradient in (_lay_back(backend, result) for result in results)
            ],
        )


def padded_volume(backend: Backend, program: Program) -> list[Result]:
    """Return the exact results of every loss of a program on the random volume."""
    logits, target = volume()
    weight = np.ones(target.shape, np.float32)
    results = program(_lay_out(backend, logits), target, weight)
    return [_lay_back(backend, result) for result in results]


def _lay_out(backend: Backend, logits: Any) -> Array:
    """Put classes where the backend has them unless told otherwise."""
    return np.ascontiguousarray(np.moveaxis(logits, 1, backend.default_axis))


def _lay_back(backend: Backend, result: Result) -> Result:
    value, gradient = result
    return value, np.moveaxis(gradient, backend.default_axis, 1)


# A backend ----------------------------------------------------------------------------------------


def steps(backend: Backend, settings: Settings, devices: int = 1) -> int:
    """How many steps the measuring of a backend takes."""
    return devices * len(settings.losses) * len(PRECISIONS) + (backend.mode == "eager")


def chosen_devices(backend: Backend, kind: str | None) -> list[Device]:
    """The devices to measure; NumPy's is never left out, since plots have their truth from it."""
    found = devices(backend.framework)
    return [d for d in found if kind in (None, d.kind) or backend is Backend.NUMPY]


def measure(backend: Backend, settings: Settings, tell: Tell) -> list[Report]:
    """Measure a backend on each of its devices."""
    chosen = chosen_devices(backend, settings.device)
    if not chosen:
        return [_without_device(backend, settings)]
    total = steps(backend, settings, len(chosen))
    reports = []
    for device in chosen:
        report = Report(backend.name, device.kind, device.title)
        for done in _measure_all(backend, device, settings, report):
            tell(done, total)
        reports.append(report)
    if backend.mode == "eager":  # plots have a line per framework: its accelerator, if it has one
        reports[-1].curves = measure_curves(backend, chosen[-1], settings.quick)
        tell(1, total)
    return reports


def _without_device(backend: Backend, settings: Settings) -> Report:
    reason = f"this machine has no {settings.device} for it"
    rows = itertools.product(settings.losses, PRECISIONS)
    return Report(
        backend.name, str(settings.device), "none", unavailable=dict.fromkeys(rows, reason)
    )


def _measure_all(
    backend: Backend, device: Device, settings: Settings, report: Report
) -> Iterator[int]:
    """Fill in a report; yield how many steps were done."""
    reason = backend.unavailable(device)
    for name, precision in PRECISIONS.items():
        lacking = reason
        if not device.has_float64 and "float64" in (precision.dtype, precision.inside):
            lacking = "this device has no float64"
        size = GROUP if backend.compiles else 1
        for start in range(0, len(settings.losses), size):
            losses = settings.losses[start : start + size]
            if lacking:
                report.unavailable |= {(loss, name): lacking for loss in losses}
            else:
                _measure_group(backend, device, losses, name, report)
            yield len(losses)


def _measure_group(
    backend: Backend, device: Device, losses: tuple[str, ...], name: str, report: Report
) -> None:
    """Fill in what is found; a loss that fails must not keep others from being measured."""
    try:
        if backend.compiles:
            _measure_padded(backend, device, losses, name, report)
        else:
            _measure_whole(backend, device, losses, name, report)
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        report.failures |= {(loss, name): f"{type(error).__name__}: {lines[0]}" for loss in losses}


def _measure_whole(
    backend: Backend, device: Device, losses: tuple[str, ...], name: str, report: Report
) -> None:
    for loss in losses:
        report.found[loss, name] = dict(whole_cases(backend, device, loss, PRECISIONS[name]))
        if name == "exact":
            report.volumes[loss] = whole_volume(backend, device, loss)


def _measure_padded(
    backend: Backend, device: Device, losses: tuple[str, ...], name: str, report: Report
) -> None:
    precision = PRECISIONS[name]
    program = backend.program(losses, device, precision=precision.keyword)
    pixels = PADDED_PIXELS.get(name, 64)
    for case, found in padded_cases(backend, program, precision, pixels):
        for loss, one in zip(losses, found, strict=True):
            report.found.setdefault((loss, name), {})[case] = one
    if name == "exact":
        report.volumes |= dict(zip(losses, padded_volume(backend, program), strict=True))
