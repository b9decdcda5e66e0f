"""The paper's numbers, under this project's names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.reproduce.metrics import Estimate
from benchmarks.store import Json

TABLES: Json = json.loads(
    (Path(__file__).parents[2] / "paper" / "tables.json").read_text(encoding="utf-8")
)

LOSSES = {
    "Focal loss": "focal",
    "Dice loss": "dice",
    "Tversky loss": "tversky",
    "Focal Tversky loss": "focal_tversky",
    "Combo loss": "combo",
    "Hybrid Focal loss": "hybrid_focal",
    "Generalised Focal loss": "unified_focal",
}
COMPARISON = {"bus": "table3", "brats": "table4", "kits19": "table5"}
STATE_OF_THE_ART = {"bus": "table6", "brats": "table7", "kits19": "table8"}
SWEEPS = {"delta": "delta", "gamma": "gamma", "lam": "lambda"}
"""Our names of the hyperparameters of Table 2, and the paper's."""


def number(table: str) -> str:
    """As the paper refers to it."""
    return table.replace("table", "Table ")


def family(dataset: str) -> str:
    """The paper's data set that a data set is, or stands in for: phantoms have its name first."""
    return dataset.partition("-")[0]


def estimate(row: Json, metric: str, label: str | None = None) -> Estimate | None:
    """A metric of a row; of one class where the table has several."""
    name = "DSC" if metric == "dsc" else metric
    found: dict[str, Any] | None = row.get(f"{name}_{label}", row.get(name))
    return Estimate(**found) if found else None


def comparison(dataset: str) -> dict[str, Json]:
    """The rows of Table 3, 4 or 5 by loss; none for a data set that is not in the paper."""
    table = COMPARISON.get(family(dataset))
    return {LOSSES[row["loss"]]: row for row in TABLES[table]["rows"]} if table else {}


def sweep(over: str) -> dict[float, Json]:
    """Table 2's rows by level, λ turned around to what the equations mean by it."""
    name = SWEEPS[over]
    rows = TABLES["table2"]["sweeps"][name]["rows"]
    if over == "lam":
        return {round(1 - row[name], 2): row for row in reversed(rows)}
    found = {row[name]: row for row in rows}
    if over == "gamma":  # the sweep over δ has the row γ = 0 of δ = 0.6
        found = {0.0: sweep("delta")[0.6]} | found
    return found
