"""``python -m benchmarks.speed``: measure time and memory, judge the targets, write the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.speed import report
from benchmarks.speed.run import FULL, QUICK, default_workloads, measure
from benchmarks.speed.subjects import SUBJECTS
from benchmarks.speed.workloads import WORKLOADS

HOME = Path(__file__).parent


def known(text: str) -> list[str]:
    """The comma-separated names of workloads."""
    names = [name.strip() for name in text.split(",")]
    if unknown := sorted(set(names) - WORKLOADS.keys()):
        raise typer.BadParameter(
            f"{', '.join(unknown)}: choose from {', '.join(WORKLOADS)}", param_hint="--workloads"
        )
    return names


def main(
    quick: Annotated[
        bool, typer.Option("--quick", help="Most of what the targets name, in minutes.")
    ] = False,
    subjects: Annotated[
        str, typer.Option(help=f"Comma-separated patterns of names like {next(iter(SUBJECTS))}.")
    ] = "*",
    workloads: Annotated[
        str | None, typer.Option(help=f"Comma-separated, of {', '.join(WORKLOADS)}.")
    ] = None,
    out: Annotated[Path, typer.Option(file_okay=False)] = Path("results/speed"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Repeat finished cells.")] = False,
    readme: Annotated[
        bool, typer.Option("--readme", help="Also write the report into the documentation.")
    ] = False,
) -> None:
    """Measure every loss on every backend beside other libraries' losses."""
    profile = QUICK if quick else FULL
    names = known(workloads) if workloads else default_workloads(profile)
    patterns = [pattern.strip() for pattern in subjects.split(",")]
    record = report.judge(measure(out, profile, names, patterns, fresh))
    report.save(record, out)
    print(report.excerpt(record))
    if readme:
        report.publish(record, HOME, HOME.parents[1] / "README.md")


if __name__ == "__main__":
    typer.run(main)
