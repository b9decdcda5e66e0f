"""The page on other libraries: written from reports, and without those that are not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.conformance import __main__ as inspection
from benchmarks.conformance import page
from benchmarks.conformance.peer import Peer
from tests.conformance import implementations as theirs
from unifocal import conformance


def row(function: str, loss: str) -> page.Row:
    found = getattr(theirs, function)
    peer = Peer("NumPy", "numpy", f"{function}()", loss, found)
    return page.Row(peer, conformance.inspect(found, loss))


def test_the_page_names_the_departures() -> None:
    written = page.text([row("batch_dice", "dice"), row("pooled_dice", "dice")])
    assert "`batch_dice()` | `dice` | region: **the whole batch** (each sample, mean" in written
    assert "`over='batch'`" in written
    assert "region: each sample, mean over samples or the whole batch: the same numbers" in written


def test_a_loss_that_nothing_explains_is_on_the_page() -> None:
    assert "no combination of the named conventions" in page.text([row("strange", "dice")])


@pytest.mark.parametrize("library", inspection.LIBRARIES)
def test_a_library_that_is_missing_is_left_out(
    library: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, f"benchmarks.conformance.peers.{library}", None)
    names = {"smp": "segmentation_models_pytorch"}
    for module in (library, names.get(library, library)):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"benchmarks.conformance.peers.{library}")
    assert inspection.peers(library) == []
    assert "is not installed" in capsys.readouterr().out


def test_the_page_in_the_repository_was_written_by_this_program() -> None:
    written = Path(page.__file__).with_name("README.md").read_text("utf-8")
    assert written.startswith(page.HEAD)
    assert written.endswith(page.EXPLAINED)


def test_cross_entropy_of_pytorch_conforms() -> None:
    pytest.importorskip("torch")
    plain, with_options = inspection.peers("torch")
    assert conformance.inspect(plain.function, plain.loss).conforms
    report = conformance.inspect(with_options.function, with_options.loss)
    assert report.departures == ()
    assert [result.name for result in report.unexplained] == ["class_weights", "one sample ignored"]


def test_the_command_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(inspection, "LIBRARIES", ("torch",))
    monkeypatch.setattr(sys, "argv", ["conformance", "--out", str(tmp_path / "page.md")])
    inspection.main()
    written = (tmp_path / "page.md").read_text("utf-8")
    assert written.startswith(page.HEAD)
    assert written.count("| `cross_entropy` |") == len(inspection.peers("torch"))
    assert "wrote" in capsys.readouterr().out


def test_cross_entropy_of_keras_conforms() -> None:
    pytest.importorskip("keras")
    peer = next(p for p in inspection.peers("keras") if p.loss == "cross_entropy")
    assert conformance.inspect(peer.function, peer.loss).conforms
