"""What became of the hypotheses, and what is missing."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pandas as pd

from benchmarks.reproduce.hypotheses import Verdict, registered, verdicts
from benchmarks.reproduce.losses import TITLES
from benchmarks.reproduce.metrics import METRICS
from benchmarks.reproduce.report import paper
from benchmarks.reproduce.report.content import Block, Bullets, Table
from benchmarks.reproduce.report.records import (
    BACKENDS,
    HEADINGS,
    NOTHING,
    SYMBOLS,
    Records,
    in_order,
    loss_title,
    over_folds,
    signed,
)

_ORDER = (
    verdicts.SUPPORTED,
    verdicts.CONTRADICTED,
    verdicts.NOT_RESOLVED,
    verdicts.NO_DATA,
)
_ALONE = (
    "† From fewer than three folds: an observation is a case, so that the answer holds for these "
    "trainings alone, and another training may differ."
)
_FAMILIES = {
    "losses": "The losses among each other",
    "unified": "Unified Focal against each other loss of the paper",
    "sweeps": "The hyperparameters of Unified Focal",
    "controls": "Controls",
    "backends": "Backends",
}


def headline(records: Records) -> str:
    """All verdicts in a sentence."""
    count = Counter(v.verdict for v in records.verdicts)
    parts = ", ".join(f"{count[name]} {name}" for name in _ORDER)
    return f"{len(records.jobs)} trainings. Hypotheses, on every data set that has them: {parts}."


def held(records: Records) -> list[Block]:
    """What held, what did not, and what remains open, a statement and its data sets in a line."""
    blocks: list[Block] = []
    for name in _ORDER:
        found: dict[str, list[str]] = {}
        for v in records.verdicts:
            if v.verdict == name:
                found.setdefault(v.hypothesis.statement, []).append(_where(v, records))
        if found:
            lines = [
                f"{statement} ({', '.join(places)})" if any(places) else statement
                for statement, places in found.items()
            ]
            blocks += [f"**{name.capitalize()}**", Bullets(lines)]
    return [*blocks, _ALONE]


def _where(v: Verdict, records: Records) -> str:
    if v.dataset is None or v.evidence is None:
        return ""
    return records.titles[v.dataset] + ("†" if v.evidence.unit == "cases" else "")


def hypothesis_tables(records: Records) -> list[Block]:
    """Every verdict with its numbers, a table for each family of tests."""
    rules, _ = registered()
    families = dict.fromkeys(v.hypothesis.family for v in records.verdicts)
    tables: list[Block] = [
        Table(
            _FAMILIES.get(family, family),
            [_row(v, records) for v in records.verdicts if v.hypothesis.family == family],
            words=2,
        )
        for family in families
    ]
    return [
        "Registered before the runs in benchmarks/reproduce/hypotheses/hypotheses.yaml, which also "
        "says how scores are paired and tested.",
        *tables,
        f"Estimate: the difference of means, or the slope, with its 95 % interval. p: two-sided, "
        f"Holm's correction within a table. n: independent observations; with folds the answer "
        f"generalises over trainings, with cases it holds for these trainings alone. Resolves: "
        f"the least true difference that such a sample finds with {100 * rules.power:.0f} % power "
        f"before correction. “At least” and “same” allow for a margin of {rules.margin} DSC.",
    ]


def _row(v: Verdict, records: Records) -> dict[str, str]:
    cells = dict.fromkeys(("metric", "estimate", "95 % interval", "p", "n", "resolves"), NOTHING)
    if v.evidence is not None and v.p is not None:
        e = v.evidence
        cells["metric"] = HEADINGS[v.hypothesis.metric]
        cells["estimate"] = signed(e.estimate)
        if e.interval is not None:
            cells["95 % interval"] = " … ".join(map(signed, e.interval))
        cells["p"] = "< 0.001" if v.p < 0.001 else f"{v.p:.3f}"
        cells["n"] = f"{e.n} {e.unit}"
        if e.detectable is not None:
            cells["resolves"] = f"{e.detectable:.3f}"
    dataset = records.titles[v.dataset] if v.dataset else NOTHING
    detail = f" [{_readable(v.evidence.about)}]" if v.evidence and _tells(v) else ""
    statement = v.hypothesis.statement + detail
    return {"hypothesis": statement, "data set": dataset, **cells, "verdict": v.verdict}


def _tells(v: Verdict) -> bool:
    """Whether the estimate is of one part of the statement."""
    return v.hypothesis.every is not None or v.hypothesis.test in ("trend", "equivalent")


def _readable(about: str) -> str:
    names = TITLES | BACKENDS | SYMBOLS
    return re.sub(r"\w+", lambda found: names.get(found[0], found[0]), about)


# What is missing ----------------------------------------------------------------------------------


def missing(records: Records) -> list[str]:
    """What the paper has and the jobs lack, and jobs that others of their kind have."""
    lines = []
    comparison = records.scores[records.scores["experiment"] == "comparison"]
    for name, table in paper.COMPARISON.items():
        mine = comparison[comparison["dataset"].map(paper.family) == name]
        where = f"{paper.number(table)} ({paper.TABLES[table]['dataset']})"
        lacking = set(paper.LOSSES.values()) - set(mine["loss"])
        if mine.empty:
            lines.append(f"{where}: no job")
        elif lacking:
            lines.append(f"{where}: no job of {', '.join(map(loss_title, in_order(lacking)))}")
    for name, table in paper.STATE_OF_THE_ART.items():
        supervised = records.runs[records.runs["deep_supervision"] != "none"]
        if supervised[supervised["dataset"].map(paper.family) == name].empty:
            lines.append(f"{paper.number(table)} ({paper.TABLES[table]['dataset']}): no job")
    return lines + _gaps(records)


def _gaps(records: Records) -> list[str]:
    """Combinations of fold and backend that an experiment has for some settings but not for all."""
    lines = []
    for (experiment, dataset), runs in records.runs.groupby(["experiment", "dataset"]):
        columns = ["loss", "setting", "optimiser", "deep_supervision"]
        has = pd.crosstab([runs[column] for column in columns], [runs["backend"], runs["fold"]])
        if lacking := int((has == 0).to_numpy().sum()):
            lines.append(
                f"{experiment} on {records.titles[dataset]}: {lacking} of {has.size} trainings "
                "that its settings, backends and folds would make"
            )
    return lines


# For programs -------------------------------------------------------------------------------------


def summary(records: Records) -> dict[str, Any]:
    """Verdicts and means for programs."""
    return {
        "jobs": len(records.jobs),
        "missing": missing(records),
        "hypotheses": [
            {
                "id": v.hypothesis.id,
                "dataset": v.dataset,
                "verdict": v.verdict,
                "p": v.p,
                **({} if v.evidence is None else _numbers(v.evidence)),
            }
            for v in records.verdicts
        ],
        "means": _means(records),
    }


def _numbers(evidence: Any) -> dict[str, Any]:
    kept = evidence._asdict()
    kept["p_one_sided"] = kept.pop("directions")._asdict()
    return kept


def _means(records: Records) -> list[dict[str, Any]]:
    """Mean and half-width over folds of every condition, class and backend."""
    conditions = ["experiment", "dataset", "loss", "setting", "optimiser", "deep_supervision"]
    return [
        dict(zip([*conditions, "backend", "class"], key, strict=True))
        | {"folds": int(part["fold"].nunique())}
        | {m: found._asdict() if (found := over_folds(part, m)) else None for m in METRICS}
        for key, part in records.scores.groupby([*conditions, "backend", "class"])
    ]
