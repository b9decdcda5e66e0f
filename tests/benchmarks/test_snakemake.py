"""Snakemake sees the jobs of a profile, and what is finished is not done again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("snakemake", reason="running a grid needs the extra 'experiments'")
pytest.importorskip("batchgenerators", reason="the reproduction needs the extra 'benchmarks'")

from benchmarks.reproduce.experiments import grid

ROOT = Path(__file__).parents[2]
SNAKEFILE = ROOT / "benchmarks/reproduce/experiments/Snakefile"


def counts(out: Path, *config: str) -> dict[str, int]:
    """How often a dry run would run each rule."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "-s", str(SNAKEFILE), "--cores", "2", "--dry-run"),
            *("--directory", str(ROOT), "--nolock", "--config", f"out={out}", *config),
        ],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {
        name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, re.M)
    }


def test_every_job_of_a_profile_is_run_once(tmp_path: Path) -> None:
    found = counts(tmp_path, "profile=paper", "data=bus=B brats=R kits19=K")
    jobs = len(grid.plan("paper", ("bus", "brats", "kits19")))
    assert (found["prepare"], found["job"], found["report"]) == (3, jobs, 1)


def test_what_is_finished_is_not_done_again(tmp_path: Path) -> None:
    first, *_ = grid.plan("quick")
    for path in ("prepared/bus-phantoms.done", f"jobs/{first.job.name}.json"):
        file = tmp_path / "quick" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = counts(tmp_path, "profile=quick")
    assert found["job"] == len(grid.plan("quick")) - 1
    assert "prepare" not in found
