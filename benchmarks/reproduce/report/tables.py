"""The paper's Tables 3 to 8 beside ours, the control of the optimiser, and printed equations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from benchmarks.reproduce.hypotheses.contrasts import select
from benchmarks.reproduce.metrics import METRICS, Estimate
from benchmarks.reproduce.report import paper
from benchmarks.reproduce.report.content import Block, Table
from benchmarks.reproduce.report.records import (
    BACKENDS,
    HEADINGS,
    NOTHING,
    Records,
    in_order,
    loss_title,
    on_the_same,
    over_folds,
    shown,
)

PAPER = "paper"
_OPTIMISERS = {"sgd": "SGD", "adam": "Adam"}


def side_by_side(
    found: Mapping[str, Estimate | None], metrics: Iterable[str] = METRICS
) -> dict[str, str]:
    """Cells from estimates that are named "metric source"; sources in their order."""
    return {
        f"{HEADINGS[metric]}, {source}": shown(estimate)
        for metric in metrics
        for name, estimate in found.items()
        for m, _, source in [name.partition(" ")]
        if m == metric
    }


def folds_note(scores: pd.DataFrame, backends: list[str]) -> str:
    """From how many folds each backend's numbers are."""
    count = scores.groupby("backend")["fold"].nunique()
    each = ", ".join(f"{BACKENDS.get(b, b)} {count[b]}" for b in backends)
    return f"Mean over cases, then mean ± 95 % t-interval over folds. Folds: {each}."


def estimates(
    scores: pd.DataFrame, backends: list[str], published: Mapping[str, Estimate | None]
) -> dict[str, Estimate | None]:
    """The paper's numbers and each backend's, by "metric source"."""
    found = {f"{m} {PAPER}": published.get(m) for m in METRICS} if published else {}
    for backend in backends:
        mine = scores[scores["backend"] == backend]
        found |= {f"{m} {BACKENDS.get(backend, backend)}": over_folds(mine, m) for m in METRICS}
    return found


def highest(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The highest number of each column but the first stands out, as in the paper."""
    for column in list(rows[0])[1:]:
        values = [float(row[column].partition(" ")[0]) for row in rows if row[column] != NOTHING]
        for row in rows if len(values) > 1 else []:
            if row[column] != NOTHING and float(row[column].partition(" ")[0]) == max(values):
                row[column] = f"**{row[column]}**"
    return rows


def comparison(records: Records) -> list[Block]:
    """Tables 3 to 5: a table for each data set and class."""
    scores = records.scores[records.scores["experiment"] == "comparison"]
    blocks: list[Block] = []
    for (dataset, label), part in scores.groupby(["dataset", "class"], sort=False):
        published, backends = paper.comparison(dataset), records.backends(part)
        rows = []
        for loss in in_order({*part["loss"], *published}):
            row = published.get(loss)
            theirs = {m: paper.estimate(row, m, label) if row else None for m in METRICS}
            found = estimates(part[part["loss"] == loss], backends, theirs if published else {})
            rows.append({"loss": loss_title(loss)} | side_by_side(found))
        table = paper.COMPARISON.get(paper.family(dataset))
        beside = f", beside {paper.number(table)}" if table else ", not in the paper"
        blocks.append(
            Table(
                f"{records.titles[dataset]}: {label}{beside}",
                highest(rows),
                folds_note(part, backends) + " The highest of each column is bold.",
            )
        )
    return blocks or ["No job of the comparison has finished."]


def deep_supervision(records: Records) -> list[Block]:
    """Tables 6 to 8: the paper's rows, then ours."""
    scores = records.scores[records.scores["deep_supervision"] != "none"]
    blocks: list[Block] = []
    for (dataset, label), part in scores.groupby(["dataset", "class"], sort=False):
        table = paper.STATE_OF_THE_ART.get(paper.family(dataset))
        rows = [
            {
                "network": row["architecture"],
                "loss": row["loss"],
                "heads weighed": NOTHING,
                "backend": "paper",
                "DSC": shown(paper.estimate(row, "dsc", label)),
            }
            for row in (paper.TABLES[table]["rows"] if table else [])
        ]
        for (loss, weights, backend), runs in part.groupby(["loss", "deep_supervision", "backend"]):
            rows.append(
                {
                    "network": "U-Net with deep supervision, ours",
                    "loss": loss_title(loss),
                    "heads weighed": weights,
                    "backend": BACKENDS.get(backend, backend),
                    "DSC": shown(over_folds(runs, "dsc")),
                }
            )
        beside = f", beside {paper.number(table)}" if table else ""
        blocks.append(
            Table(
                f"{records.titles[dataset]}: {label}{beside}",
                rows,
                "Heads weighed as eq. 22 prints (paper) or by 2^−level, normalised (nnunet). "
                + folds_note(part, records.backends(part)),
                words=2,
            )
        )
    return blocks or ["No job with deep supervision has finished."]


def optimisers(records: Records) -> list[Block]:
    """DSC and recall of each loss under both optimisers."""
    chosen = records.scores["experiment"].isin(["comparison", "optimiser"])
    scores = records.scores[chosen & (records.scores["setting"] == "{}")]
    blocks: list[Block] = []
    for dataset, part in scores.groupby("dataset", sort=False):
        names = sorted(set(part["optimiser"]), reverse=True)
        if len(names) < 2:
            continue
        common = set.intersection(*(set(part[part["optimiser"] == name]["loss"]) for name in names))
        for name in names:
            part = on_the_same(part, select(part, {"optimiser": name}))
        rows = []
        for loss in in_order(common):
            cells = {
                f"{HEADINGS[metric]}, {_OPTIMISERS.get(name, name)}": shown(
                    over_folds(select(part, {"loss": loss, "optimiser": name}), metric)
                )
                for metric in ("dsc", "recall")
                for name in names
            }
            rows.append({"loss": loss_title(loss)} | cells)
        note = folds_note(part, records.backends(part)) + " Mean over backends and classes."
        blocks.append(Table(records.titles[dataset], rows, note))
    return blocks or ["No loss has been trained with two optimisers."]


def printed(records: Records) -> list[Block]:
    """Losses with an equation as printed beside the same as it is meant."""
    controls = records.scores[records.scores["experiment"] == "control"]
    blocks: list[Block] = []
    for (dataset, setting), part in controls.groupby(["dataset", "setting"], sort=False):
        rows = []
        for loss, scores in part.groupby("loss"):
            backends = [b for b in records.backends(part) if b in set(scores["backend"])]
            for backend in backends:
                mine = scores[scores["backend"] == backend]
                cells = {HEADINGS[m]: shown(over_folds(mine, m)) for m in METRICS}
                rows.append(
                    {"loss": loss_title(loss), "backend": BACKENDS.get(backend, backend)} | cells
                )
        caption = records.titles[dataset] + (f", {setting}" if setting != "{}" else "")
        blocks.append(Table(caption, rows, folds_note(part, records.backends(part)), words=2))
    return blocks or ["No job with an equation as printed has finished."]
