"""A job is run once, goes on where it was killed, and is the same command for every data set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="the reproduction needs the extra 'benchmarks'")
pytest.importorskip("batchgenerators", reason="the reproduction needs the extra 'benchmarks'")

from benchmarks.reproduce.phantoms import write_phantoms

ROOT = Path(__file__).parents[2]
BACKENDS = ("torch", "tensorflow", "jax")
SMALL = ("--epochs", "2", "--filters", "2", "--depth", "1", "--batch", "4")
NAME = "bus-dice-adam-fold0-seed0-torch"

# one worker, which writes the images once
pytestmark = pytest.mark.xdist_group("jobs")


def call(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.reproduce", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def need(backend: str) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantoms("bus", tmp_path_factory.mktemp("bus") / "images", 12, 0, (32, 32))


def result(out: Path, name: str) -> dict[str, Any]:
    return json.loads((out / "quick" / "jobs" / f"{name}.json").read_text("utf-8"))


def numbers(record: Any) -> Any:
    """What must be the same again: all but times, and the state of the sources."""
    if isinstance(record, dict):
        same = (k for k in record if not k.startswith("seconds") and k != "commit")
        return {k: numbers(record[k]) for k in same}
    return [numbers(v) for v in record] if isinstance(record, list) else record


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_job_leaves_its_numbers_and_is_run_once(
    images: Path, tmp_path: Path, backend: str
) -> None:
    need(backend)
    name = f"bus-unified_focal-adam-fold0-seed0-{backend}"
    options = ("--data", f"bus={images}", "--out", str(tmp_path), "--backend", backend, *SMALL)
    call(*options, "job", name)
    found = result(tmp_path, name)
    assert found["job"]["backend"] == backend
    assert found["job"]["experiment"] == "comparison"
    assert len(found["history"]) == 2
    assert {len(found["split"][part]) for part in ("train", "validation", "test")} == {7, 2, 3}
    assert found["cases"].keys() == set(found["split"]["test"])
    with np.load(tmp_path / "quick" / "jobs" / f"{name}.npz") as masks:
        assert {case: masks[case].shape for case in masks} == dict.fromkeys(
            found["split"]["test"], (64, 64)
        )
    with np.load(tmp_path / "quick" / "examples" / "bus.npz") as examples:
        assert {key.rpartition("/")[0] for key in examples} == set(found["split"]["test"])
    if backend == "torch":  # nothing of this depends on the backend
        call(*options, "job", name)
        assert result(tmp_path, name) == found
        call(*options, "--fresh", "job", name)
        assert numbers(result(tmp_path, name)) == numbers(found)


KILLED = """
import sys
from pathlib import Path

from benchmarks.reproduce.__main__ import choose_backend
from benchmarks.reproduce.experiments import grid

images, out = map(Path, sys.argv[1:])
(planned,) = grid.plan(
    "quick", ("bus",), losses=["dice"],
    overrides={"epochs": 5, "filters": 2, "depth": 1, "batch": 4},
)
choose_backend("torch")
from benchmarks.reproduce.experiments.jobs import Place, run

place = Place("quick", out, {"bus": images})
run(planned, place, lambda epoch: print("epoch", flush=True), checkpoint_seconds=0)
"""


def start(images: Path, out: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", KILLED, str(images), str(out)]
    return subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def epochs(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    return (line for line in process.stdout if line == "epoch\n")


def test_a_killed_job_goes_on_to_the_same_numbers(images: Path, tmp_path: Path) -> None:
    need("torch")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    with start(images, whole) as process:
        assert len(list(epochs(process))) == 5
    with start(images, broken) as process:
        found = epochs(process)
        assert next(found)
        assert next(found)
        process.kill()
    (checkpoint,) = (broken / "jobs").iterdir()
    assert checkpoint.name == f"{NAME}.checkpoint.npz"
    with start(images, broken) as process:
        assert len(list(epochs(process))) <= 4
    one, other = (
        json.loads((out / "jobs" / f"{NAME}.json").read_text("utf-8")) for out in (whole, broken)
    )
    assert len(one["history"]) == 5
    assert numbers(one) == numbers(other)
    with (
        np.load(whole / "jobs" / f"{NAME}.npz") as masks,
        np.load(broken / "jobs" / f"{NAME}.npz") as again,
    ):
        assert all((masks[case] == again[case]).all() for case in masks)
    assert not list((broken / "jobs").glob("*.checkpoint.npz"))


def test_a_volume_goes_through_sliding_windows(tmp_path: Path) -> None:
    need("torch")
    root = write_phantoms("kits19", tmp_path / "kits", 10, 0, (24, 40, 40))
    name = "kits19-unified_focal-adam-fold0-seed0-torch"
    code = f"""
from pathlib import Path
from benchmarks.reproduce.__main__ import choose_backend
from benchmarks.reproduce.experiments import grid
(planned,) = [
    p for p in grid.plan("paper", ("kits19",), overrides={{
        "shape": [16, 32, 32], "overlap": [8, 16, 16], "epochs": 1, "steps": 2, "filters": 2,
        "depth": 1}})
    if p.job.name == "{name}"
]
choose_backend("torch")
from benchmarks.reproduce.experiments import jobs
from benchmarks.reproduce.inputs.preprocess import Preprocessing
from dataclasses import replace
source = jobs.source
jobs.source = lambda profile, data: replace(
    source(profile, data), preprocessing=Preprocessing(clip=(-79, 304)))
jobs.run(planned, jobs.Place("paper", Path({str(tmp_path)!r}), {{"kits19": Path({str(root)!r})}}))
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    found = json.loads((tmp_path / "jobs" / f"{name}.json").read_text("utf-8"))
    assert set(found["mean"]) == {"kidney", "tumour"}
    with np.load(tmp_path / "jobs" / f"{name}.npz") as masks:
        assert {masks[case].shape for case in masks} == {(24, 40, 40)}
    with np.load(tmp_path / "examples" / "kits19.npz") as examples:
        case = found["split"]["test"][0]
        assert examples[f"{case}/image"].shape == (40, 40)
        # the slice with most foreground
        assert 0 <= examples[f"{case}/slice"] < 24
        assert examples[f"{case}/label"].any()


REFUSED = {
    "--losses dicee": "dicee: choose from cross_entropy",
    "--depth 7": "shape must have multiples of 128 at depth 7",
    "--profile fast": "fast: choose from quick, hour, paper",
    "--data liver=tests": "liver: choose from bus, brats",
    "--data nowhere": "nowhere is no folder",
    "--data tests": "expected folders 'original' and 'GT'",
    "job dice": "dice: `jobs` lists those of quick",
}
"""Arguments, and what is said of them."""

COMMANDS = """
import json, sys

from typer.testing import CliRunner

from benchmarks.reproduce.__main__ import app

for line in sys.stdin:
    done = CliRunner().invoke(app, json.loads(line))
    print(json.dumps([done.exit_code, done.output, repr(done.exception)]))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Exit status, output and exception by the arguments, in one process, which starts slowly."""
    need("torch")
    out = ["--out", str(tmp_path_factory.mktemp("out"))]
    calls = [*REFUSED, "--profile paper jobs"]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        input="\n".join(json.dumps(out + arguments.split()) for arguments in calls),
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(calls, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("arguments", REFUSED)
def test_refuses_with_one_clear_line(said: dict[str, Any], arguments: str) -> None:
    status, output, exception = said[arguments]
    assert status == 2
    assert REFUSED[arguments] in output
    assert exception == "SystemExit(2)"


def test_jobs_are_listed_without_any_data(said: dict[str, Any]) -> None:
    status, listed, _ = said["--profile paper jobs"]
    assert status == 0
    assert "kits19-unified_focal-adam-fold4-seed0-torch" in listed
    assert "multiply-adds" in listed
