"""Finished jobs as one table: a row for each job, case and class."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.reproduce.metrics import METRICS
from benchmarks.store import Json
from unifocal_spec import LOSSES

VARIED = ("delta", "gamma", "lam")
"""The hyperparameters of Unified Focal, which Table 2 varies."""

_DEFAULTS = {name: LOSSES["unified_focal"].hyperparameters[name].default for name in VARIED}

COLUMNS = (
    *("experiment", "dataset", "loss", "setting", *VARIED, "optimiser", "deep_supervision"),
    *("backend", "seed", "fold", "class", "case", *METRICS),
)


def load(results: Path) -> list[Json]:
    """Every finished job, by name."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(results.glob("jobs/*.json"))]


def settings_of(job: Json) -> dict[str, Any]:
    """What a job's conditions are; δ, γ and λ in full where Unified Focal is trained."""
    given = job["hyperparameters"]
    varied = _DEFAULTS | given if job["loss"].startswith("unified_focal") else {}
    return {
        **{name: job[name] for name in COLUMNS if name in job},
        "setting": json.dumps(given, sort_keys=True),
        **{name: varied.get(name) for name in VARIED},
    }


def observations(jobs: Iterable[Json]) -> pd.DataFrame:
    """The scores of every case and class; nan where there was nothing to score."""
    rows = [
        settings_of(job["job"]) | {"class": name, "case": case} | (scores or {})
        for job in jobs
        for case, classes in job["cases"].items()
        for name, scores in classes.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
