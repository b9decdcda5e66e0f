"""`python -m unifocal conformance` says what it found, and its exit status too."""

from __future__ import annotations

import pytest

from unifocal.__main__ import main

THEIRS = "tests.conformance.implementations"


def run(*arguments: str) -> int:
    return main(["conformance", *arguments])


def test_a_loss_that_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("unifocal:dice") == 0
    said = capsys.readouterr().out
    assert "unifocal:dice conforms to dice." in said
    assert "0 failed" in said


def test_a_loss_that_departs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"{THEIRS}:swapped_tversky", "--loss", "tversky") == 1
    said = capsys.readouterr().out
    assert "beta -- departs: ours is 'alpha'" in said
    assert f"{THEIRS}:swapped_tversky departs from tversky." in said
    assert "failed: defaults: " in said
    assert "takes no ignore_index" in said


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        ("tversky", "give the function as MODULE:FUNCTION"),
        ("no_such_module:tversky", "no module named 'no_such_module'"),
        (f"{THEIRS}:no_such_function", "has no function 'no_such_function'"),
        (f"{THEIRS}:A_NUMBER", "is not a function but int"),
        (f"{THEIRS}:jaccard", "loss must be one of"),
    ],
)
def test_a_function_that_is_not_there(
    function: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(function) == 2
    assert complaint in capsys.readouterr().err
