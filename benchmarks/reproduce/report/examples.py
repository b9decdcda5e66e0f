"""Fig. 3 from our predictions: cases by rule, with both kinds of error in colour."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Plot
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.reproduce.hypotheses.contrasts import select
from benchmarks.reproduce.report.content import Block, Figure
from benchmarks.reproduce.report.records import BACKENDS, Records, in_order, loss_title

# Okabe and Ito's colours, which colour-blind readers tell apart
HIT, FALSE_POSITIVE, FALSE_NEGATIVE = "#009E73", "#E69F00", "#56B4E9"
QUANTILES = {"best": 1.0, "median": 0.5, "worst": 0.0}
COLOURS_IN_FILE = 128

Mask = NDArray[np.uint8]


def choose(dsc: pd.Series) -> dict[str, str]:
    """Best, median and worst by the mean DSC over all losses.

    A rule instead of a choice, so that no loss is shown at its best.
    """
    ranked = dsc.dropna().sort_values(kind="stable").index
    if not len(ranked):
        return {}
    picked = {name: str(ranked[round(q * (len(ranked) - 1))]) for name, q in QUANTILES.items()}
    return {name: case for name, case in picked.items() if case}


def overlay(image: NDArray[Any], predicted: Mask, label: Mask) -> NDArray[np.float64]:
    """The image as RGB with hits and errors tinted; a wrong class is a false positive."""
    low, high = np.percentile(image, (1, 99))
    grey = np.clip((image - low) / max(high - low, 1e-12), 0, 1)
    rgb = np.repeat(grey[..., None], 3, axis=-1).astype(np.float64)
    hit = (predicted == label) & (label > 0)
    surplus = (predicted != label) & (predicted > 0)
    missed = (predicted == 0) & (label > 0)
    for where, colour in ((hit, HIT), (surplus, FALSE_POSITIVE), (missed, FALSE_NEGATIVE)):
        rgb[where] = 0.4 * rgb[where] + 0.6 * np.array(to_rgb(colour))
    return rgb


def slice_of(mask: Mask, index: int, shape: tuple[int, ...]) -> Mask:
    """The slice of a volume that has the shape of its picture; an image as it is."""
    if index < 0:
        return mask
    for axis in range(mask.ndim):
        if mask.shape[:axis] + mask.shape[axis + 1 :] == shape and index < mask.shape[axis]:
            return mask.take(index, axis)
    raise ValueError(f"mask: expected slices of {shape}, got a volume of {mask.shape}")


def blocks(records: Records) -> list[Block]:
    """A figure for each data set that has predictions and examples."""
    chosen = select(records.runs, {"experiment": "comparison", "fold": 0})
    figures: list[Block] = []
    for dataset, runs in chosen.groupby("dataset", sort=False):
        backend = records.backends(runs)[0]
        names = runs[runs["backend"] == backend].set_index("loss")["name"].to_dict()
        masks = {
            loss: path
            for loss in in_order(names)
            if (path := records.folder / "jobs" / f"{names[loss]}.npz").exists()
        }
        pictures = records.folder / "examples" / f"{dataset}.npz"
        if masks and pictures.exists():
            figures += _figure(records, str(dataset), backend, masks, pictures)
    return figures or ["No predictions have been kept."]


def _figure(
    records: Records, dataset: str, backend: str, masks: Mapping[str, Path], pictures: Path
) -> list[Block]:
    """One figure, or none where no case was scored under every loss."""
    condition = {"experiment": "comparison", "dataset": dataset, "backend": backend, "fold": 0}
    scores = select(records.scores, condition)
    dsc = scores.groupby(["loss", "case"])["dsc"].mean().unstack("loss")
    with np.load(pictures) as shown:
        cases = {
            rank: case
            for rank, case in choose(dsc.mean(axis=1, skipna=False)).items()
            if f"{case}/image" in shown
        }
        examples = {
            case: (shown[f"{case}/image"], shown[f"{case}/label"], int(shown[f"{case}/slice"]))
            for case in cases.values()
        }
    if not cases:
        return []
    predictions: dict[str, dict[str, Mask]] = {}
    for loss, path in masks.items():
        with np.load(path) as file:
            predictions[loss] = {
                case: slice_of(file[case], index, label.shape)
                for case, (_, label, index) in examples.items()
            }
    png = _draw(cases, examples, predictions, dsc)
    title = f"{records.titles[dataset]}, fold 0, {BACKENDS.get(backend, backend)}"
    caption = f"{title}: the best, median and worst case by mean DSC over the losses, with the DSC"
    return [Figure(f"fig3-{dataset}", caption, png)]


def _draw(
    cases: Mapping[str, str],
    examples: Mapping[str, tuple[NDArray[Any], Mask, int]],
    predictions: Mapping[str, Mapping[str, Mask]],
    dsc: pd.DataFrame,
) -> bytes:
    columns = 2 + len(predictions)
    plot = Plot(figsize=(1.15 * columns, 1.35 * len(cases) + 0.6), layout="constrained")
    grid = plot.subplots(len(cases), columns, squeeze=False)
    for row, (rank, case) in zip(grid, cases.items(), strict=True):
        image, label, _ = examples[case]
        nothing = np.zeros_like(label)
        panels = [(nothing, nothing, ""), (label, label, "")]
        panels += [
            (mine[case], label, f"{dsc.loc[case, loss]:.2f}") for loss, mine in predictions.items()
        ]
        for axes, (predicted, against, text) in zip(row, panels, strict=True):
            axes.imshow(overlay(image, predicted, against), interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.set_xlabel(text, fontsize=8, labelpad=2)
        row[0].set_ylabel(f"{rank}\n{case}", fontsize=7)
    headings = ["image", "truth", *map(loss_title, predictions)]
    for axes, heading in zip(grid[0], headings, strict=True):
        axes.set_title(heading, fontsize=8)
    handles = [
        Patch(color=HIT, label="hit"),
        Patch(color=FALSE_POSITIVE, label="false positive or other class"),
        Patch(color=FALSE_NEGATIVE, label="missed"),
    ]
    plot.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return _small_png(plot)


def _small_png(plot: Plot) -> bytes:
    """As PNG with a palette, a third of the size."""
    raw, small = io.BytesIO(), io.BytesIO()
    plot.savefig(raw, format="png", dpi=110)
    image = Image.open(raw).convert("RGB").quantize(COLOURS_IN_FILE)
    image.save(small, format="png", optimize=True)
    return small.getvalue()
