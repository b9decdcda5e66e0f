"""The plots of the page, one SVG per panel, so that panels can stand side by side or below."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Json = dict[str, Any]

# Okabe and Ito's colours, which colour-blind readers tell apart; shapes do it in black and white.
COLOURS = {"NumPy": "#000000", "PyTorch": "#d55e00", "JAX": "#0072b2", "TensorFlow": "#009e73"}
SHAPES = {"NumPy": "o", "PyTorch": "^", "JAX": "s", "TensorFlow": "D"}
# This project's lines lie on each other: markers that shrink leave each of them visible.
MARKER_SIZES = {"NumPy": 9.0, "PyTorch": 7.5, "JAX": 5.0, "TensorFlow": 2.8}
GREY = "#6b6b6b"

FLOOR, CEILING = 0.1, 2e8
"""Errors below the first are drawn there; what is not finite is drawn above the second."""

NOT_FINITE = {"NumPy": 7e8, "PyTorch": 3e9, "JAX": 1.2e10, "TensorFlow": 5e10}
"""Where it is drawn: in a row for each framework."""

HALF, PERCENT = 0.5, 0.01 * 2**24
"""The error of a number rounded once at most, and roughly that of one which is 1 % off."""

STYLE: Any = {
    "svg.fonttype": "none",  # text stays text, in the font of the page
    "svg.hashsalt": "unifocal",
    "font.family": "sans-serif",
    "font.sans-serif": ["system-ui", "Segoe UI", "Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 10,
    "axes.edgecolor": "#b0b0b0",
    "axes.labelcolor": "#333333",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "#333333",
    "ytick.labelcolor": "#333333",
}


@dataclass(frozen=True)
class Panel:
    """One plot as the text of an SVG, with what it shows in words."""

    caption: str
    svg: str


def framework(line: Json) -> str:
    """The framework of a line, whose title may also name a device."""
    return str(line["backend"]).partition(",")[0]


def _plot(axes: Axes, x: list[float], y: list[float | None], line: Json) -> None:
    name, ours = framework(line), line["who"] == "ours"
    marker: Json = {
        "color": COLOURS[name],
        "marker": SHAPES[name],
        "markersize": MARKER_SIZES[name] if ours else 5,
        "markerfacecolor": COLOURS[name] if ours else "white",
        "clip_on": False,
        "zorder": 3 if ours else 2,
    }
    finite = [(a, max(b, FLOOR)) for a, b in zip(x, y, strict=True) if b is not None]
    lost = [(a, NOT_FINITE[name]) for a, b in zip(x, y, strict=True) if b is None]
    if finite:
        axes.plot(*zip(*finite, strict=True), **marker, **(_SOLID if ours else _DASHED))
    if lost:
        axes.plot(*zip(*lost, strict=True), **marker, linestyle="none")


_SOLID: Json = {"linestyle": "-", "linewidth": 1.4}
_DASHED: Json = {"linestyle": (0, (4, 2)), "linewidth": 1.1}


def _reference(axes: Axes, height: float, text: str) -> None:
    """A line to compare with, named beside its right end."""
    axes.axhline(height, color="#c8c8c8", linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    axes.annotate(
        text,
        (1, height),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        ha="left",
        va="center",
        color=GREY,
        fontsize=8,
    )


def _heights(axes: Axes, finite: bool) -> None:
    """The vertical axis, with a band above it for what is not finite, if anything is."""
    ticks = {FLOOR: "≤ 0.1", 1: "1", 1e2: "100", 1e4: "10⁴", 1e6: "10⁶"}
    top = 1e7
    if not finite:
        top, middle = 2e11, 6e9
        ticks |= {1e8: "10⁸", middle: "not\nfinite"}
        axes.axhspan(CEILING, top, color="#f1efe9", linewidth=0, zorder=0)
    axes.set_ylim(FLOOR, top)
    axes.set_yticks(list(ticks), labels=list(ticks.values()))
    axes.minorticks_off()


def _panel(
    x: list[float], lines: Iterable[tuple[Json, list[float | None]]], xlabel: str, caption: str
) -> Panel:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.7, 3.5), layout="constrained")
        axes = figure.subplots()
        axes.set(xscale="log", yscale="log", xlabel=xlabel, ylabel="error in ulp of float32")
        everything = list(lines)
        for line, y in everything:
            _plot(axes, x, y, line)
        _heights(axes, all(value is not None for _, y in everything for value in y))
        _reference(axes, HALF, "½: rounded\nonce")
        _reference(axes, PERCENT, "1 % off")
        return Panel(caption, element(figure))


def element(figure: Figure) -> str:
    """A figure as an `svg` element, as large as its place on the page."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    head, _, rest = svg[svg.index("<svg") :].partition(">")
    kept = [part for part in head.split('" ') if not part.lstrip().startswith(("width", "height"))]
    return '" '.join(kept).rstrip('"') + '" role="img">' + rest


def size_panels(certificate: Json) -> list[Panel]:
    """Error over the number of pixels, one panel per loss."""
    pixels, lines = certificate["sizes"]["pixels"], certificate["sizes"]["lines"]
    return [
        _panel(pixels, [(n, n["ulp"]) for n in lines if n["loss"] == loss], "pixels", loss)
        for loss in dict.fromkeys(line["loss"] for line in lines)
    ]


def magnitude_panels(certificate: Json) -> list[Panel]:
    """Error over the distance of the logits, for right and wrong labels, value and gradient."""
    logits, lines = certificate["magnitudes"]["logits"], certificate["magnitudes"]["lines"]
    return [
        _panel(
            logits,
            [(line, line[kind]) for line in lines if line["side"] == side],
            "distance between the two logits",
            f"{side} labels, {kind}",
        )
        for side in dict.fromkeys(line["side"] for line in lines)
        for kind in ("value", "gradient")
    ]
