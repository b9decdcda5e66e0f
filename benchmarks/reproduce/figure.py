"""Predictions side by side, after the paper's Fig. 3, with both kinds of error in colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from benchmarks.reproduce.data import Dataset
from benchmarks.reproduce.losses import COMPARED
from benchmarks.reproduce.metrics import scores

# Okabe and Ito's colours, which colour-blind readers tell apart
HIT, FALSE_POSITIVE, FALSE_NEGATIVE = "#009E73", "#E69F00", "#56B4E9"
QUANTILES = (0.95, 0.75, 0.5, 0.25, 0.05)

Masks = NDArray[np.uint8]


def choose_cases(predictions: dict[str, Masks], truth: Masks) -> list[int]:
    """From the easiest to the hardest: cases at fixed quantiles of the mean DSC over all losses.

    A rule instead of a choice, so that no loss is shown at its best.
    """
    dsc = [
        [
            np.nan if (s := scores(p, t)) is None else s.dsc
            for p, t in zip(masks, truth, strict=True)
        ]
        for masks in predictions.values()
    ]
    mean = np.mean(dsc, axis=0)
    ranked = np.argsort(mean)[: np.count_nonzero(~np.isnan(mean))]
    picks = (ranked[round(q * (len(ranked) - 1))] for q in QUANTILES if len(ranked))
    return list(dict.fromkeys(int(i) for i in picks))


def overlay(image: NDArray[np.float32], prediction: Masks, truth: Masks) -> NDArray[np.float64]:
    """The image as RGB with hits and errors tinted."""
    low, high = np.percentile(image, (1, 99))
    grey = np.clip((image - low) / (high - low), 0, 1)
    rgb = np.repeat(grey[..., None], 3, axis=-1).astype(np.float64)
    p, t = prediction.astype(bool), truth.astype(bool)
    for where, colour in ((p & t, HIT), (p & ~t, FALSE_POSITIVE), (~p & t, FALSE_NEGATIVE)):
        rgb[where] = 0.4 * rgb[where] + 0.6 * np.array(to_rgb(colour))
    return rgb


def draw(
    path: Path,
    title: str,
    data: Dataset,
    test: NDArray[np.int64],
    predictions: dict[str, Masks],
) -> None:
    """One row per case; the image, the ground truth, then every loss with its DSC."""
    truth = data.masks[test]
    chosen = choose_cases(predictions, truth)
    columns = 2 + len(predictions)
    figure = Figure(figsize=(1.35 * columns, 1.45 * len(chosen) + 0.8), layout="constrained")
    axes = figure.subplots(len(chosen), columns, squeeze=False)
    for row, case in zip(axes, chosen, strict=True):
        image, mask = data.images[test[case], ..., 0], truth[case]
        panels = [("", np.zeros_like(mask), np.zeros_like(mask)), ("", mask, mask)]
        for masks in predictions.values():
            s = scores(masks[case], mask)
            panels.append((f"{s.dsc:.2f}" if s else "", masks[case], mask))
        for axis, (text, prediction, against) in zip(row, panels, strict=True):
            axis.imshow(overlay(image, prediction, against), interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.text(
                0.97, 0.03, text, transform=axis.transAxes, ha="right", va="bottom",
                color="white", fontsize=8,
                bbox={"facecolor": "black", "alpha": 0.6, "pad": 1.5, "linewidth": 0},
            )  # fmt: skip
        row[0].set_ylabel(data.cases[test[case]], fontsize=7)
    headings = ["Image", "Ground truth", *(COMPARED[loss].title for loss in predictions)]
    for axis, heading in zip(axes[0], headings, strict=True):
        axis.set_title(heading, fontsize=8)
    figure.suptitle(title, fontsize=9)
    colours = {
        "true positive": HIT,
        "false positive": FALSE_POSITIVE,
        "false negative": FALSE_NEGATIVE,
    }
    handles = [Patch(color=colour, label=label) for label, colour in colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    figure.savefig(path, dpi=160)
