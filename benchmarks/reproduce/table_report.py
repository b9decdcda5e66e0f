"""The table of the comparison beside the paper's Table 3: printed, and saved in three formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks import markdown
from benchmarks.reproduce.cells import Json, Result
from benchmarks.reproduce.claims import judge
from benchmarks.reproduce.losses import COMPARED
from benchmarks.reproduce.metrics import METRICS, Estimate, Scores, average, estimate

TABLE3 = Path(__file__).parents[1] / "paper" / "table3.json"
LOG_WIDTH = 112  # where no terminal says how wide it is, for example in CI
HEADINGS = {"dsc": "DSC", "precision": "Precision", "recall": "Recall"}

Results = dict[str, list[Result]]  # by loss, one per fold


def paper_table() -> dict[str, dict[str, Estimate]]:
    """Table 3 by loss and metric."""
    rows = json.loads(TABLE3.read_text())["rows"]
    return {loss: {m: Estimate(**v) for m, v in row.items()} for loss, row in rows.items()}


def measured(results: list[Result]) -> dict[str, Estimate]:
    """Mean and interval over folds of each metric; nan where a fold had nothing to score."""
    means = [average(r.scores().values()) for r in results]
    return {m: estimate([getattr(mean, m) for mean in means]) for m in METRICS}


def table_rows(results: Results) -> list[dict[str, str]]:
    """The printed table: our three metrics, then the paper's."""
    paper = paper_table()
    rows = []
    for loss, folds in results.items():
        row = {"Loss": COMPARED[loss].title}
        row |= {HEADINGS[m]: str(e) for m, e in measured(folds).items()}
        published = paper.get(loss)
        row |= {f"{HEADINGS[m]} (paper)": str(published[m]) if published else "–" for m in METRICS}
        rows.append(row)
    return rows


def claim_rows(results: Results) -> list[dict[str, str]]:
    """The paper's statements with their verdicts."""
    return [
        {
            "Claim": row["claim"],
            "Difference": f"{HEADINGS[row['metric']]} {Estimate(row['difference'], row['ci95'])}",
            "Verdict": row["verdict"],
        }
        for row in judge(case_scores(results))
    ]


def case_scores(results: Results) -> dict[str, dict[str, Scores | None]]:
    """The scores of all folds' test cases, by loss and case."""
    return {
        loss: {case: s for result in folds for case, s in result.scores().items()}
        for loss, folds in results.items()
    }


def notes(results: Results) -> list[str]:
    """What the means do not show."""
    lines = []
    for loss, folds in results.items():
        tested = sum(len(r.predictions) for r in folds)
        for count, what in (
            ("undefined", "test cases have neither lesion nor prediction and are left out"),
            ("empty_predictions", "predictions are empty"),
        ):
            if number := sum(r.record["result"][count] for r in folds):
                lines.append(f"{COMPARED[loss].title}: {number} of {tested} {what}")
        if any(r.record["result"]["selected_epoch"] is None for r in folds):
            lines.append(f"{COMPARED[loss].title}: no finite validation loss in at least one fold")
    return lines


def as_rich(title: str, rows: list[dict[str, str]]) -> Table:
    """The same rows for the terminal."""
    table = Table(title=title)
    for column in rows[0]:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*row.values())
    return table


def numbers(results: Results) -> pd.DataFrame:
    """The table for machines: one row per loss, one column per number."""
    paper = paper_table()
    rows = []
    for loss, folds in results.items():
        row: dict[str, Any] = {"loss": loss, "folds": len(folds)}
        for source, estimates in (("", measured(folds)), ("paper_", paper.get(loss, {}))):
            for metric, (mean, ci95) in estimates.items():
                row |= {f"{source}{metric}": mean, f"{source}{metric}_ci95": ci95}
        for count in ("undefined", "empty_predictions"):
            row[count] = sum(r.record["result"][count] for r in folds)
        row["seconds"] = sum(r.record["result"]["seconds"] for r in folds)
        rows.append(row)
    return pd.DataFrame(rows)


def write_report(out: Path, name: str, title: str, provenance: Json, results: Results) -> None:
    """Print the tables; write them as ``name`` .json, .csv, .md, and every case as -cases.csv."""
    table, claims, frame = table_rows(results), claim_rows(results), numbers(results)
    console = Console()
    if not console.is_terminal:
        console = Console(width=LOG_WIDTH)
    console.print(as_rich(title, table))
    sections = [f"# {title}", markdown.table(table)]
    if remarks := notes(results):
        console.print(*remarks, sep="\n")
        sections.append("\n".join(f"* {remark}" for remark in remarks))
    if claims:
        console.print(as_rich("The paper's claims, paired per test case", claims))
        sections += ["## The paper's claims, paired per test case", markdown.table(claims)]
    described = {k: v for k, v in provenance.items() if k != "conventions"}
    sections += ["## Made with", markdown.bullets({k: json.dumps(v) for k, v in described.items()})]
    sections += ["## Conventions", markdown.bullets(provenance["conventions"])]
    (out / f"{name}.md").write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    frame.to_csv(out / f"{name}.csv", index=False)
    rows = json.loads(frame.to_json(orient="records"))
    summary = provenance | {"table": rows, "claims": judge(case_scores(results))}
    (out / f"{name}.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    pd.DataFrame(
        {"loss": loss, "case": case, **(s._asdict() if s else {})}
        for loss, cases in case_scores(results).items()
        for case, s in cases.items()
    ).to_csv(out / f"{name}-cases.csv", index=False)
