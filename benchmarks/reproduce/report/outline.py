"""The sections of the report in their order."""

from __future__ import annotations

import json
from collections.abc import Iterable

from benchmarks.reproduce.report import (
    backends,
    cases,
    curves,
    examples,
    findings,
    plane,
    ranking,
    shapes,
    sweeps,
    tables,
    unification,
)
from benchmarks.reproduce.report.content import Block, Bullets, Definitions, Report, Section, Table
from benchmarks.reproduce.report.records import NOTHING, Records
from benchmarks.store import Json

TITLE = "The paper's tables beside ours"


def distinct(values: Iterable[object]) -> str:
    """Each value once, in the order they come."""
    return "; ".join(dict.fromkeys(v if isinstance(v, str) else json.dumps(v) for v in values))


def merged(records: Records, part: str) -> dict[str, str]:
    """What the jobs say under a heading; every value where they differ."""
    names = dict.fromkeys(name for job in records.jobs for name in job[part])
    return {
        name: distinct(job[part][name] for job in records.jobs if name in job[part])
        for name in names
    }


def _total(jobs: Iterable[Json], name: str) -> str:
    """A count that jobs have for each class."""
    return str(sum(sum(job[name].values()) for job in jobs))


def data(records: Records) -> list[Block]:
    """What was trained on."""
    rows = []
    for dataset, title in records.titles.items():
        mine = [job for job in records.jobs if job["job"]["dataset"] == dataset]
        described = mine[0]["data"]
        shares = (f"{name} {100 * v:.2f} %" for name, v in described["foreground"].items())
        rows.append(
            {
                "data set": title,
                "cases": str(described["cases"]),
                "foreground": ", ".join(shares),
                "jobs": str(len(mine)),
                "undefined": _total(mine, "undefined"),
                "empty predictions": _total(mine, "empty_predictions"),
                "no finite validation loss": str(sum(j["selected_epoch"] is None for j in mine)),
                "fingerprint": distinct(job["data"]["fingerprint"] for job in mine),
            }
        )
    note = (
        "Undefined: test cases with neither truth nor prediction, over all jobs and classes; they "
        "are left out of the means."
    )
    return [Table("Data sets", rows, note)] if rows else ["No job has finished."]


def provenance(records: Records) -> Definitions:
    """Who made the numbers."""
    names = ("profile", "commit", "device")
    described = {name: distinct(job[name] for job in records.jobs) for name in names}
    versions = ", ".join(f"{name} {v}" for name, v in merged(records, "versions").items())
    hours = sum(job["seconds"] for job in records.jobs) / 3600
    return Definitions(
        {name: value or NOTHING for name, value in described.items()}
        | {"versions": versions or NOTHING, "trainings": f"{len(records.jobs)}, {hours:.1f} hours"}
    )


def report(records: Records) -> Report:
    """Everything, from whatever has finished."""
    missing = findings.missing(records)
    return Report(
        TITLE,
        [
            Section(findings.headline(records), [provenance(records)]),
            Section("What held and what did not", findings.held(records)),
            Section("Hypotheses", findings.hypothesis_tables(records)),
            Section("What is missing", [Bullets(missing) if missing else "Nothing."]),
            Section("Tables 3 to 5: the losses", tables.comparison(records)),
            Section("Recall and precision", plane.plane(records)),
            Section("Every test case", cases.per_case(records) or ["No job has finished."]),
            Section("Ranks", ranking.critical_difference(records)),
            Section("Table 2: δ, γ and λ", sweeps.sections(records)),
            Section("Tables 6 to 8: deep supervision", tables.deep_supervision(records)),
            Section("Control: the optimiser", tables.optimisers(records)),
            Section("Control: equations as printed", tables.printed(records)),
            Section("Fig. 1: which loss is a special case of which", unification.blocks()),
            Section("Fig. 2: the shapes of the losses", [shapes.figure()]),
            Section("Fig. 3: predictions", examples.blocks(records)),
            Section("Learning curves", curves.learning_curves(records)),
            Section("Agreement of the backends", backends.agreement(records)),
            Section("Where the time goes", backends.time(records)),
            Section("Data", data(records)),
            Section("Settings", [Definitions(merged(records, "settings"))]),
            Section("Conventions in force", [Definitions(merged(records, "conventions"))]),
        ],
    )
