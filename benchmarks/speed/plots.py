"""Time and memory over the number of pixels."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import store
from benchmarks.speed import bandwidth
from benchmarks.speed.subjects import SUBJECTS
from benchmarks.speed.timing import spread
from benchmarks.speed.workloads import SIZES

# Okabe and Ito's colours, which colour-blind readers tell apart
COLOURS = {"torch": "#D55E00", "jax": "#0072B2", "tensorflow": "#009E73"}
MARKERS = {"eager": "o", "compile": "s", "jit": "o", "function": "o", "xla": "s"}

Points = dict[int, float]


def times(record: store.Json) -> dict[str, Points]:
    """Median seconds by subject and number of pixels."""
    found: dict[str, Points] = {}
    for cell in _sized(record):
        for key, seconds in cell.get("seconds", {}).items():
            found.setdefault(key, {})[_pixels(cell)] = spread(seconds).median
    return found


def peaks(record: store.Json) -> dict[str, Points]:
    """Extra peak memory over the bytes of the logits, by subject and number of pixels."""
    found: dict[str, Points] = {}
    for cell in _sized(record):
        for key, measured in cell.get("peak", {}).items():
            if measured:
                found.setdefault(key, {})[_pixels(cell)] = spread(measured).median / cell["logits"]
    return found


def bounds(record: store.Json) -> Points:
    """The least seconds, by number of pixels."""
    return {
        _pixels(cell): bandwidth.bound(cell["logits"], cell["labels"], record["bandwidth"])
        for cell in _sized(record)
        if cell["config"]["runtime"] == "torch"
    }


def _sized(record: store.Json) -> list[store.Json]:
    return [cell for cell in record["cells"] if cell["config"]["workload"] in SIZES]


def _pixels(cell: store.Json) -> int:
    return SIZES[cell["config"]["workload"]].pixels


def _line(axes: Axes, key: str, points: Points) -> None:
    subject = SUBJECTS[key]
    ours = subject.library == "unifocal"
    axes.plot(
        *zip(*sorted(points.items()), strict=True),
        color=COLOURS[subject.runtime],
        linestyle="-" if ours else "--" if subject.name == "cross_entropy" else ":",
        marker=MARKERS[subject.mode],
        markersize=4,
        label=f"{subject.runtime} {subject.mode}: {subject.library} {subject.name}",
    )


def _plot(path: Path, found: dict[str, Points], label: str, least: Points | None = None) -> None:
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    for key, points in found.items():
        if SUBJECTS[key].runtime in COLOURS:
            _line(axes, key, points)
    if least:
        pairs = zip(*sorted(least.items()), strict=True)
        axes.plot(*pairs, color="0.5", label="bound by copy bandwidth")
    axes.set(xscale="log", xlabel="pixels, two classes", ylabel=label)
    if least:
        axes.set_yscale("log")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    figure.savefig(path, dpi=120)


def draw(record: store.Json, out: Path) -> None:
    """Write `time.png` and `memory.png`, where sizes were measured."""
    if found := times(record):
        _plot(out / "time.png", found, "seconds for value and gradient", bounds(record))
    if weighed := peaks(record):
        _plot(out / "memory.png", weighed, "extra peak memory / bytes of the logits")
