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
SLURM = SNAKEFILE.parent / "profiles" / "slurm"


def dry_run(out: Path, *config: str, options: tuple[str, ...] = ()) -> str:
    """What a dry run says."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "-s", str(SNAKEFILE), "--cores", "2", "--dry-run"),
            *("--directory", str(ROOT), "--nolock", *options, "--config", f"out={out}", *config),
        ],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def counts(said: str) -> dict[str, int]:
    """How often a dry run would run each rule."""
    return {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", said, re.M)}


def test_every_job_of_a_profile_is_run_once(tmp_path: Path) -> None:
    found = counts(dry_run(tmp_path, "profile=paper", "data=bus=B brats=R kits19=K"))
    jobs = len(grid.plan("paper", ("bus", "brats", "kits19")))
    assert (found["prepare"], found["job"], found["report"]) == (3, jobs, 1)


def test_what_is_finished_is_not_done_again(tmp_path: Path) -> None:
    first, *_ = grid.plan("quick")
    for path in ("prepared/bus-phantoms.done", f"jobs/{first.job.name}.json"):
        file = tmp_path / "quick" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = counts(dry_run(tmp_path, "profile=quick"))
    assert found["job"] == len(grid.plan("quick")) - 1
    assert "prepare" not in found


def test_on_slurm_the_papers_jobs_ask_for_what_they_need(tmp_path: Path) -> None:
    options = ("--workflow-profile", str(SLURM), "--executor", "dryrun", "--cores", "64")
    said = dry_run(tmp_path, "data=bus=B", options=options)
    assert counts(said)["job"] == len(grid.plan("paper", ("bus",)))
    job = said[said.index("rule job:") :]
    assert "threads: 8" in job
    asked = re.search(r"resources: (.*)", job)
    assert asked
    assert {"mem_mb=32000", "slurm_partition=gpu", "gpu=1"} <= set(asked[1].split(", "))
    assert re.search(r"\bruntime=\d+", asked[1])
