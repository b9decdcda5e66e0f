"""`unifocal certify` from the command line, with NumPy alone."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unifocal.__main__ import main
from unifocal.certificate import backends, certify, markdown, summary
from unifocal.certificate.backends import Backend
from unifocal.certificate.measure import PRECISIONS, Found, Report, Settings, measure

for name in certify.EXTRA:
    pytest.importorskip(name)

Json = dict[str, Any]
TINY = ("certify", "--backends=numpy", "--quick", "--losses=combo,dice", "--jobs=0")


@pytest.fixture
def certified(tmp_path: Path) -> Callable[..., tuple[int, Json]]:
    def run(*arguments: str) -> tuple[int, Json]:
        status = main([*TINY, f"--out={tmp_path}", *arguments])
        return status, json.loads((tmp_path / "certificate.json").read_text("utf-8"))

    return run


def breaking(change: Callable[[Any, Any], tuple[Any, Any]]) -> Callable[..., Any]:
    """A runner of NumPy whose results are changed."""
    sound = backends._RUNNERS[Backend.NUMPY]

    def broken(calls: Any) -> Any:
        run = sound(calls)
        return lambda z, t, w: [change(*result) for result in run(z, t, w)]

    return broken


def test_a_tiny_run(certified: Callable[..., tuple[int, Json]], tmp_path: Path) -> None:
    status, certificate = certified()
    assert status == 0
    assert certificate["holds"]
    assert len(certificate["rows"]) == 2 * len(PRECISIONS)
    assert {row["cases"] for row in certificate["rows"]} == {25, 27, 29}
    assert set(certificate["versions"]) == {"python", "numpy"}
    text = (tmp_path / "certificate.md").read_text("utf-8")
    assert "All 10 rows hold their bounds." in text
    page = (tmp_path / "certificate.html").read_text("utf-8")
    assert page.count("<svg") > 6
    assert "nan" not in page.lower().replace("becomes nan", "")


def test_a_process_of_its_own_finds_the_same(certified: Callable[..., tuple[int, Json]]) -> None:
    here, there = certified()[1], certified("--jobs=1")[1]
    assert there["rows"] == here["rows"]


def test_the_page_needs_nothing_beside_it(
    certified: Callable[..., tuple[int, Json]], tmp_path: Path
) -> None:
    certified()
    page = (tmp_path / "certificate.html").read_text("utf-8")
    assert not re.search(r"<(link|script|img|iframe|object|embed)\b|@import|url\((?!#)", page)
    assert all(href.startswith("#") for href in re.findall(r'(?:href|src)="([^"]*)"', page))


@pytest.mark.parametrize(("change", "exceeding"), [
    (lambda value, gradient: (value * (1 + 2e-6), gradient), "value"),
    (lambda value, gradient: (value, gradient * gradient.dtype.type(1.01)), "gradient"),
    (lambda value, gradient: (value, gradient * gradient.dtype.type(np.nan)), "gradient"),
], ids=["value", "gradient", "nan"])  # fmt: skip
def test_a_broken_backend_exceeds(
    certified: Callable[..., tuple[int, Json]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    change: Callable[[Any, Any], tuple[Any, Any]],
    exceeding: str,
) -> None:
    monkeypatch.setitem(backends._RUNNERS, Backend.NUMPY, breaking(change))
    status, certificate = certified()
    assert status == 1
    assert {row["verdict"] for row in certificate["rows"]} == {"exceeds"}
    text = (tmp_path / "certificate.md").read_text("utf-8")
    assert "10 rows of 10 exceed a bound or failed." in text
    assert f"Exceeds: dice, NumPy, float32: {exceeding} " in text


def test_one_ulp_too_much_is_not_rounded_once(
    certified: Callable[..., tuple[int, Json]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def up(value: Any, gradient: Any) -> tuple[Any, Any]:
        return np.nextafter(value, np.inf), gradient

    monkeypatch.setitem(backends._RUNNERS, Backend.NUMPY, breaking(up))
    status, certificate = certified("--losses=dice")
    verdicts = {row["precision"]: row["verdict"] for row in certificate["rows"]}
    assert status == 1
    assert verdicts["exact"] == "exceeds"
    assert verdicts["float32"] == verdicts["float64"] == "holds"


def test_what_raises_is_a_failed_row(
    certified: Callable[..., tuple[int, Json]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(value: Any, gradient: Any) -> tuple[Any, Any]:
        if gradient.dtype == np.float16:
            raise ValueError("no halves today")
        return value, gradient

    monkeypatch.setitem(backends._RUNNERS, Backend.NUMPY, breaking(refuse))
    status, certificate = certified("--losses=dice")
    failed = [row for row in certificate["rows"] if row["verdict"] == "failed"]
    assert status == 1
    assert [row["precision"] for row in failed] == ["float16"]
    assert "no halves today" in (tmp_path / "certificate.md").read_text("utf-8")


def test_a_compiler_that_is_not_there_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backend, "unavailable", lambda *_: "InvalidCxxCompiler: none found")
    settings = Settings(("dice",), None, quick=True)
    certificate = summary.judge(
        {Backend.NUMPY: measure(Backend.NUMPY, settings, lambda *_: None)}, settings
    )
    assert {row["verdict"] for row in certificate["rows"]} == {"unavailable"}
    assert certificate["holds"]


def test_a_process_that_dies_is_a_failed_backend() -> None:
    settings = Settings(("dice",), None, quick=True)
    certificate = summary.judge({Backend.JAX: "the process ended with status -9"}, settings)
    assert {row["verdict"] for row in certificate["rows"]} == {"failed"}
    assert not certificate["holds"]


def test_bits_that_differ_between_backends_are_counted() -> None:
    gradient = np.ones((2, 3, 50000), np.float32)
    other = gradient.copy()
    other[0, 0, :6] = np.nextafter(np.float32(1), np.float32(2))
    reports = [
        Report(name, "cpu", "", volumes={"dice": (np.float32(1), g)})
        for name, g in (("NUMPY", gradient), ("JAX", other), ("TORCH", gradient))
    ]
    found = summary.identity(reports, Settings(("dice",), None, quick=True))
    assert found is not None
    assert (found["values"], found["differ"], found["per_million"], found["ulp"]) == (1, 6, 20.0, 1)
    assert not found["holds"]


def test_half_gradients_are_held_to_float32_rounded_once() -> None:
    single = np.array([0.1, 0.2], np.float32)
    half = single.astype(np.float16)
    wrong = np.array([half[0], np.nextafter(half[1], np.float16(1))])
    report = Report("NUMPY", "cpu", "")
    report.found["dice", "float32"] = {"defaults": Found(np.float32(1), single)}
    report.found["dice", "float16"] = {"defaults": Found(np.float32(1), wrong)}
    assert summary.misrounded(report, "dice", "float16") == 1


def test_what_is_not_installed_is_named(
    certified: Callable[..., tuple[int, Json]], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = certify.find_spec
    monkeypatch.setattr(certify, "find_spec", lambda name: None if name == "jax" else there(name))
    _, certificate = certified("--backends=numpy,jax")
    assert certificate["not_installed"] == ["jax"]
    assert "Not installed: jax" in markdown.render(certificate)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(certify, "EXTRA", ("rich", "a_package_that_nobody_has"))
    with pytest.raises(SystemExit, match=r"needs a_package.*: pip install unifocal\[certify\]"):
        main([*TINY, f"--out={tmp_path}"])
    assert not list(tmp_path.iterdir())


def test_a_readme_gets_the_overview(
    certified: Callable[..., tuple[int, Json]], tmp_path: Path
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{markdown.BEGIN}\nstale\n{markdown.END}\nafter\n", "utf-8")
    _, certificate = certified(f"--readme={readme}")
    text = readme.read_text("utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert markdown.excerpt(certificate) in text
    assert "stale" not in text


@pytest.mark.parametrize("argument", ["--backends=abacus", "--losses=abacus", "--device=abacus"])
def test_unknown_names_are_refused(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["certify", argument])
    assert error.value.code == 2
    assert "abacus" in capsys.readouterr().err


def test_running_it_imports_no_framework_here(certified: Callable[..., tuple[int, Json]]) -> None:
    before = set(sys.modules)
    certified("--jobs=1")
    assert not {"torch", "jax", "tensorflow"} & (set(sys.modules) - before)
