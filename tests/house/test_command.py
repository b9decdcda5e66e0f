"""The commands that compute anew what is checked in: what they say, and their exit status."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("sympy", reason="the compiler needs SymPy")

from unifocal.__main__ import main
from unifocal.certificate import golden
from unifocal.proofs import prove


@pytest.mark.parametrize(("difference", "status"), [("", 0), ("-old\n+new", 1)])
def test_golden_vectors_are_compared(
    difference: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(golden, "check", lambda: difference)
    assert main(["golden", "--check"]) == status
    assert (difference or "what the oracle computes") in capsys.readouterr().out


def test_golden_vectors_are_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(golden, "write", lambda: ["dice.json", "combo.json"])
    assert main(["golden"]) == 0
    assert capsys.readouterr().out == "wrote dice.json\nwrote combo.json\n"
    monkeypatch.setattr(golden, "write", lambda: [])
    assert main(["golden"]) == 0
    assert capsys.readouterr().out == "everything was up to date\n"


@pytest.mark.parametrize(
    ("decided", "status"), [([True, True], 0), ([True, False], 1), ([False], 1)]
)
def test_one_claim_that_is_not_as_stated_fails(
    decided: list[bool],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    verdicts = [SimpleNamespace(ok=ok) for ok in decided]
    monkeypatch.setattr(prove, "prove_all", lambda: verdicts)
    monkeypatch.setattr(prove, "table", lambda found: f"{len(found)} rows")
    assert main(["prove"]) == status
    assert capsys.readouterr().out == f"{len(decided)} rows\n"


def test_without_a_command_it_names_them() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "unifocal"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert "{generate,golden,prove,certify,conformance}" in ran.stderr
