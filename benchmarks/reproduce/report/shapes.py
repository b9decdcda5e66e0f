"""Fig. 2 from the generated losses: what γ and δ do to the two halves of Unified Focal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Plot
from numpy.typing import NDArray

import unifocal
from benchmarks.reproduce.report.content import Figure
from unifocal.certificate.figures import STYLE, element

P = np.linspace(0.002, 1 - 1e-9, 200)
"""The probability of a pixel's own class."""

GAMMAS, DELTAS = (0.0, 0.2, 0.5, 0.8), (0.1, 0.3, 0.5, 0.7, 0.9)

Values = NDArray[np.float64]


def one_pixel(loss: Callable[..., Any], target: int, **hyperparameters: Any) -> Values:
    """The loss of an image of one pixel, over the probability of its class; that class alone."""
    probabilities = np.stack([1 - P, P] if target else [P, 1 - P], axis=1)[:, :, None]
    labels = np.full((len(P), 1), target)
    own = [float(c == target) for c in (0, 1)]
    values = loss(
        probabilities,
        labels,
        activation="none",
        reduction="none",
        class_weights=own,
        **hyperparameters,
    )
    return np.asarray(values)


def _family(axes: Axes, title: str, curves: Sequence[tuple[str, Values, bool]]) -> None:
    shades = mpl.colormaps["viridis"](np.linspace(0, 0.85, len(curves)))
    for (label, values, dashed), colour in zip(curves, shades, strict=True):
        style: Any = (0, (4, 2)) if dashed else "-"
        axes.plot(P, values, color=colour, linestyle=style, linewidth=1.5, label=label)
    axes.set(title=title, xlabel="probability of the pixel's own class", xlim=(0, 1))
    axes.set_ylim(0, None)
    axes.legend(frameon=False, fontsize=8)


def figure() -> Figure:
    """The region half and the pixel half over γ, and over δ."""
    pixel, region = unifocal.asymmetric_focal, unifocal.asymmetric_focal_tversky
    over_gamma = [(f"γ = {g:g}", {"gamma": g, "delta": 0.6}, g > 0) for g in GAMMAS]
    over_delta = [(f"δ = {d:g}", {"gamma": 0.0, "delta": d}, False) for d in DELTAS]
    panels = (
        ("Focal Tversky half, foreground, δ = 0.6", region, 1, over_gamma),
        ("Focal half, background, δ = 0.6", pixel, 0, over_gamma),
        ("Focal Tversky half, foreground, γ = 0", region, 1, over_delta),
        ("Focal half, foreground, γ = 0", pixel, 1, over_delta),
    )
    with mpl.rc_context(STYLE):
        plot = Plot(figsize=(10.5, 6.4), layout="constrained")
        for axes, (title, loss, target, settings) in zip(
            plot.subplots(2, 2).flat, panels, strict=True
        ):
            curves = [
                (label, one_pixel(loss, target, **values), dashed)
                for label, values, dashed in settings
            ]
            _family(axes, title, curves)
            if loss is pixel:
                axes.set_ylim(0, 2)
        caption = (
            "Fig. 2 from the generated losses: γ enhances the foreground in the region half and "
            "suppresses the background in the pixel half; δ weighs what is missed"
        )
        return Figure("fig2-shapes", caption, element(plot))
