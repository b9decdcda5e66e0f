"""The command itself, in processes of its own: Keras takes its backend once per process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BACKENDS = ("torch", "tensorflow", "jax")
NEEDED = ("keras", "sklearn", "matplotlib", "pandas", "PIL", "rich", "tqdm", "typer")
SMALL = ("--cases", "20", "--size", "32", "--filters", "4", "--depth", "2")

pytestmark = [
    pytest.mark.skipif(
        any(find_spec(module) is None for module in NEEDED),
        reason="the reproduction needs the extra 'benchmarks'",
    ),
    # one worker, which builds the module's fixtures once
    pytest.mark.xdist_group("reproduce"),
]


def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": some_backend(), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def need(backend: str) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")


@cache
def some_backend() -> str:
    for backend in BACKENDS:
        if find_spec(backend) is not None:
            return backend
    pytest.skip(f"none of {', '.join(BACKENDS)} is installed")


def reproduce(out: Path, *options: str) -> str:
    done = run(
        *("-m", "benchmarks.reproduce", "--backend", some_backend(), "--out", str(out)),
        *("--losses", "dice,unified_focal", *SMALL, *options),
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small comparison, two folds of two losses."""
    out = tmp_path_factory.mktemp("reproduce")
    assert "4 cells trained, 0 resumed" in reproduce(out, "--epochs", "2", "--folds", "2")
    return out


@pytest.fixture(scope="module")
def first_losses(tmp_path_factory: pytest.TempPathFactory):
    """Every loss at the first step on a backend, all from one folder: the same weights and data."""
    out = tmp_path_factory.mktemp("first")

    @cache
    def on(backend: str) -> dict[str, float]:
        options = ("--first-loss", "--backend", backend, "--out", str(out), "--cases", "20")
        run("-m", "benchmarks.reproduce", *options)
        found = json.loads((out / f"phantoms-20-seed0-{backend}-first.json").read_text())
        return found["first_losses"]

    return on


@pytest.mark.parametrize(("one", "other"), list(combinations(BACKENDS, 2)))
def test_backends_start_from_the_same_loss(first_losses, one: str, other: str) -> None:
    need(one)
    need(other)
    ours, theirs = first_losses(one), first_losses(other)
    assert len(ours) == 8
    assert ours == pytest.approx(theirs, rel=0, abs=1e-5)


def test_the_default_network_is_miscnns() -> None:
    code = (
        "from benchmarks.reproduce.unet import unet\n"
        "model = unet(128, filters=32, depth=4, batch_norm_momentum=0.99)\n"
        "print(model.output_shape, sum(w.numpy().size if hasattr(w, 'numpy') else w.value.size"
        " for w in model.trainable_weights))"
    )
    assert run("-c", code).stdout.split("\n")[-2] == "(None, 128, 128, 2) 7765442"


def test_writes_everything_it_promises(finished: Path) -> None:
    stem = f"phantoms-20-seed0-{some_backend()}"
    for ending in (".json", ".csv", ".md", ".png", "-cases.csv"):
        assert (finished / f"{stem}{ending}").stat().st_size > 0
    summary = json.loads((finished / f"{stem}.json").read_text())
    assert {"versions", "commit", "settings", "hyperparameters", "conventions"} <= summary.keys()
    assert [row["loss"] for row in summary["table"]] == ["dice", "unified_focal"]
    assert summary["table"][0]["paper_dsc"] == 0.775
    assert (finished / f"{stem}-cases.csv").read_text().count("\n") == 1 + 2 * 8


def test_a_cell_records_how_it_was_made(finished: Path) -> None:
    cells = sorted((finished / "cells").glob("*.json"))
    assert len(cells) == 4
    for path in cells:
        cell = json.loads(path.read_text())
        assert {"config", "commit", "conventions", "result"} <= cell.keys()
        assert {"backend", "data", "settings", "versions", "hyperparameters", "fold", "loss"} <= (
            cell["config"].keys()
        )
        assert len(cell["result"]["history"]) == 2
        assert len(cell["result"]["cases"]) == 4


def test_a_second_run_repeats_nothing_and_another_configuration_is_other_cells(
    finished: Path,
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (finished / "cells").iterdir()}
    assert "0 cells trained, 2 resumed" in reproduce(finished, "--epochs", "2")
    assert "2 cells trained, 0 resumed" in reproduce(finished, "--epochs", "1")
    after = {path: path.stat().st_mtime_ns for path in (finished / "cells").iterdir()}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 4


def test_training_starts_from_the_first_loss(finished: Path) -> None:
    reproduce(finished, "--first-loss")
    path = finished / f"phantoms-20-seed0-{some_backend()}-first.json"
    for loss, value in json.loads(path.read_text())["first_losses"].items():
        (cell, *_) = sorted((finished / "cells").glob(f"*-{loss}-fold0-*.json"))
        assert json.loads(cell.read_text())["result"]["first_loss"] == pytest.approx(
            value, abs=1e-5
        )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--losses", "dicee"), "dicee: choose from cross_entropy"),
        (("--size", "30"), "size must be a multiple of 8"),
        (("--folds", "6"), "folds must be 1 to 5"),
        (("--data", "tests"), "expected folders 'original' and 'GT'"),
    ],
)
def test_refuses_with_one_clear_line(
    tmp_path: Path, options: tuple[str, str], expected: str
) -> None:
    done = run("-m", "benchmarks.reproduce", "--out", str(tmp_path), *options, check=False)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
