"""The backends: how far they agree, and where their time goes."""

from __future__ import annotations

from itertools import combinations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as Plot

from benchmarks.reproduce.hypotheses.contrasts import difference, pairing, per_unit
from benchmarks.reproduce.hypotheses.statistics import interval
from benchmarks.reproduce.report.content import Block, Figure, Table
from benchmarks.reproduce.report.records import BACKENDS, NOTHING, Records, signed
from unifocal.certificate.figures import STYLE, element

_JOB = ["experiment", "dataset", "loss", "setting", "optimiser", "deep_supervision", "fold", "seed"]


def agreement(records: Records) -> list[Block]:
    """Pairs of the same job on two backends: before the first step, and after the last."""
    rows = []
    keys = pairing({"backend": None})
    for dataset, scores in records.scores.groupby("dataset", sort=False):
        runs = records.runs[records.runs["dataset"] == dataset]
        first = runs.pivot_table(index=_JOB, columns="backend", values="first_loss")
        for a, b in combinations(records.backends(scores), 2):
            paired = difference(scores, {"backend": a}, {"backend": b}, "dsc", keys)
            losses = first.reindex(columns=[a, b]).dropna()
            if paired.empty:
                continue
            whole = paired.groupby([k for k in keys if k not in ("case", "class")]).mean()
            sample = per_unit(paired)
            bounds = [signed(b, 4) for b in interval(sample.values) or ()]
            apart = (losses[a] - losses[b]).abs() / losses[[a, b]].abs().max(axis=1)
            rows.append(
                {
                    "data set": records.titles[dataset],
                    "backends": f"{BACKENDS.get(a, a)} − {BACKENDS.get(b, b)}",
                    "jobs": f"{len(whole)}",
                    "first loss, relative": f"{apart.max():.1e}" if len(apart) else NOTHING,
                    "DSC, mean": signed(float(np.mean(sample.values)), 4),
                    "95 % interval": " … ".join(bounds) or NOTHING,
                    "n": f"{len(sample.values)} {sample.unit}",
                    "DSC of a job, largest": f"{whole.abs().max():.3f}",
                }
            )
    if not rows:
        return ["No job has finished on two backends."]
    note = (
        "The same initial weights and batches on both. First loss: the largest relative difference "
        "before the first step. Whether they are equivalent is a hypothesis above."
    )
    return [Table("The same jobs on two backends", rows, note, words=2)]


def time(records: Records) -> list[Block]:
    """Seconds per epoch and where they go."""
    runs = records.runs
    if runs.empty:
        return ["No job has finished."]
    columns = ["seconds", "seconds_in_step", "seconds_waiting", "epochs"]
    total = runs.groupby(["dataset", "backend"], sort=False)[columns].sum()
    rows = [
        {
            "data set": records.titles[dataset],
            "backend": BACKENDS.get(backend, backend),
            "jobs": f"{((runs['dataset'] == dataset) & (runs['backend'] == backend)).sum()}",
            "hours": f"{t['seconds'] / 3600:.2f}",
            "seconds per epoch": f"{t['seconds'] / t['epochs']:.2f}",
            "in the training step": f"{t['seconds_in_step'] / t['seconds']:.0%}",
            "waiting for a batch": f"{t['seconds_waiting'] / t['seconds']:.0%}",
        }
        for (dataset, backend), t in total.iterrows()
    ]
    note = (
        "Wall time of whole jobs: compiling, validation, checkpoints and prediction are the rest."
    )
    return [_bars(records), Table("Wall time", rows, note, words=2)]


def _bars(records: Records) -> Figure:
    total = records.runs.groupby("backend")[["seconds", "seconds_in_step", "seconds_waiting"]].sum()
    share = total.div(total["seconds"], axis=0)
    share["rest"] = 1 - share["seconds_in_step"] - share["seconds_waiting"]
    names = [b for b in BACKENDS if b in share.index][::-1]
    parts = {
        "seconds_in_step": ("training step", "#009e73"),
        "seconds_waiting": ("waiting for a batch", "#d55e00"),
        "rest": ("validation, prediction, compiling, checkpoints", "#c8c8c8"),
    }
    with mpl.rc_context(STYLE):
        plot = Plot(figsize=(9, 0.6 + 0.45 * len(names)), layout="constrained")
        axes = plot.subplots()
        left = np.zeros(len(names))
        for column, (label, colour) in parts.items():
            width = 100 * share.loc[names, column].to_numpy()
            labels = [BACKENDS[b] for b in names]
            axes.barh(labels, width, left=left, color=colour, label=label, height=0.6)
            left += width
        axes.set(xlim=(0, 100), xlabel="% of wall time")
        plot.legend(loc="outside upper center", ncols=3, frameon=False)
        return Figure("time", "Where the time of all jobs goes, per backend", element(plot))
