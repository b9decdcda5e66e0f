"""The volume that is larger than memory: what it is, what its loss is, and the command."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unifocal.certificate import oracle

pytestmark = pytest.mark.skipif(
    find_spec("typer") is None, reason="the benchmark needs the extra 'benchmarks'"
)


@pytest.fixture
def seven(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the volume, with a tile of 7 pixels and pieces of 60."""
    from benchmarks.streaming import child, volume

    monkeypatch.setattr(volume, "TILE", 7)
    monkeypatch.setattr(volume, "FOREGROUND", 0.5)
    for module in (volume, child):
        monkeypatch.setattr(module, "PIECE", 60)
    return volume


def test_pieces_are_those_of_one_row_of_tiles(seven: Any) -> None:
    borders = list(seven.Volume(130).borders())
    assert borders == [(0, 60), (60, 120), (120, 130)]
    pieces = [seven.Volume(130).piece(*border) for border in borders]
    for found, tile in zip(zip(*pieces, strict=True), seven.tile(), strict=True):
        row = np.concatenate([tile] * 19, axis=-1)[..., :130]
        np.testing.assert_array_equal(np.concatenate(found, axis=-1), row)


def test_the_truth_of_many_tiles_is_that_of_one(seven: Any) -> None:
    """Written out, 16 pixels are two tiles and two pixels."""
    volume = seven.Volume(16)
    value, gradient = volume.truth("unified_focal")
    wanted, written_out = oracle.value_and_grad("unified_focal", *volume.piece(0, 16))
    assert value == pytest.approx(wanted, rel=1e-14)
    np.testing.assert_allclose(seven.repeated(gradient, 0, 16), written_out, rtol=1e-13)


def test_one_wrong_entry_of_a_gradient_is_found(seven: Any) -> None:
    from benchmarks.streaming.child import farthest

    truth = np.arange(14.0).reshape(1, 2, 7)
    gradient = seven.repeated(truth, 4, 64)
    assert farthest(gradient, truth, 4) == 0
    gradient[0, 1, 33] += 0.25
    assert farthest(gradient, truth, 4) == 0.25


@pytest.fixture
def command(seven: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command, its children in this process, where the tile is small."""
    from benchmarks.streaming import __main__, child

    started = []

    def run(arguments: list[str], *, input: str, **_: Any) -> None:
        started.append(arguments)
        monkeypatch.setattr(sys, "stdin", io.StringIO(input))
        child.main()

    monkeypatch.setattr(subprocess, "run", run)

    def call(*arguments: str) -> tuple[Any, int]:
        import typer
        from typer.testing import CliRunner

        app, before = typer.Typer(), len(started)
        app.command()(__main__.main)
        return CliRunner().invoke(app, arguments), len(started) - before

    return call


def test_the_command_writes_what_it_promises_and_repeats_nothing(
    command: Any, tmp_path: Path
) -> None:
    options = ("--voxels", "5e3", "--out", str(tmp_path))
    done, started = command(*options)
    assert (done.exit_code, started) == (0, 3), done.output
    cells = json.loads((tmp_path / "streaming.json").read_text("utf-8"))["cells"]
    assert [cell["config"]["voxels"] for cell in cells] == [50, 500, 5000]
    for cell in cells:
        assert cell["errors"]["value"] < 2.4e-7
        assert cell["errors"]["gradient"] < 5e-6
        assert (cell["loss"]["peak"] is None) == (sys.platform != "linux")
    assert "| numpy | " in (tmp_path / "streaming.md").read_text("utf-8")
    assert command(*options)[1] == 0
    assert command(*options, "--fresh")[1] == 3


def test_a_wrong_gradient_fails_the_command(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.streaming import child

    monkeypatch.setattr(child, "farthest", lambda *_: 1.0)
    done, _ = command("--voxels", "1000", "--out", str(tmp_path))
    assert done.exit_code == 1
    assert "**exceeded**" in done.output


def test_refuses_a_backend_that_is_not_there(command: Any, tmp_path: Path) -> None:
    done, started = command("--backend", "abacus", "--out", str(tmp_path))
    assert (done.exit_code, started) == (2, 0)
    assert "abacus: choose from numpy" in done.output
