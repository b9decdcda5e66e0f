"""``python -m benchmarks.streaming``: three volumes in pieces, their memory and their errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import store
from benchmarks.speed import machine
from benchmarks.streaming import report

HOME = Path(__file__).parent
BACKENDS = ("numpy", "torch", "jax", "tensorflow")


def streamed(backend: str, voxels: int, out: Path, fresh: bool) -> store.Json:
    """The figures of one volume, from a process of its own unless they are there already."""
    config = {"backend": backend, "voxels": voxels, "conditions": machine.described()}
    name = f"{backend}-{voxels}-{store.fingerprint(config)}.json"
    path = (out / "cells" / name).resolve()
    found = None if fresh else store.read(path)
    if found is None:
        job = {"path": str(path), "config": config, "load": machine.load()}
        subprocess.run(
            [sys.executable, "-m", "benchmarks.streaming.child"],
            cwd=HOME.parents[1],
            input=json.dumps(job),
            text=True,
            check=True,
        )
        found = store.read(path)
    assert found is not None
    return found


def main(
    voxels: Annotated[float, typer.Option(min=1000, help="Of the largest volume.")] = 1e9,
    backend: Annotated[
        list[str] | None, typer.Option(help=f"Of {', '.join(BACKENDS)}; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option(file_okay=False)] = Path("results/streaming"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Repeat finished cells.")] = False,
    readme: Annotated[
        bool, typer.Option("--readme", help="Also write the report into the documentation.")
    ] = False,
) -> None:
    """Stream a volume that is larger than memory, and two smaller ones, through a loss."""
    backends = backend or ["numpy"]
    if unknown := sorted(set(backends) - set(BACKENDS)):
        raise typer.BadParameter(
            f"{', '.join(unknown)}: choose from {', '.join(BACKENDS)}", param_hint="--backend"
        )
    cells = [
        streamed(name, int(voxels) // part, out, fresh)
        for name in backends
        for part in (100, 10, 1)
    ]
    record = report.dated({"conditions": machine.described(), "cells": cells})
    report.save(record, out)
    print(report.page(record))
    if readme:
        (HOME / "README.md").write_text(report.page(record), encoding="utf-8")
    raise typer.Exit(0 if report.held(record) else 1)


if __name__ == "__main__":
    typer.run(main)
