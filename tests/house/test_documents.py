"""What the documents say runs, and what they name exists."""

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.house.paths import FRAMEWORKS, ROOT, modules

DOCUMENTS = ("README.md", "CONTRIBUTING.md")
OPTIONS = doctest.FAIL_FAST | doctest.IGNORE_EXCEPTION_DETAIL | doctest.NORMALIZE_WHITESPACE


def blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_the_readme_runs_as_one_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for framework in (*FRAMEWORKS, "sympy"):
        pytest.importorskip(framework)
    monkeypatch.syspath_prepend(tmp_path)
    session = []
    for block in blocks((ROOT / "README.md").read_text("utf-8")):
        if ">>>" in block:
            session.append(block)
        else:  # a file, with its name in the first line
            name = re.match(r"# (\w+\.py)\n", block)
            assert name, block
            (tmp_path / name[1]).write_text(block, "utf-8")
    assert len(session) >= 6  # at least one per framework, and a loss of one's own
    test = doctest.DocTestParser().get_doctest("\n".join(session), {}, "README.md", None, 0)
    failed, _ = doctest.DocTestRunner(optionflags=OPTIONS).run(test)
    assert not failed


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    files = re.findall(r"`([\w./-]+/[\w.-]*|[\w-]+\.(?:md|toml|cff))`", text)
    invented = (".nox", "backends/unifocal_X")
    named = [name for name in links + files if not name.startswith(invented)]
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("module", modules())
def test_the_examples_in_docstrings(module: str) -> None:
    try:
        loaded = import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("unifocal"):
            raise
        pytest.skip(f"{error.name} is not installed")
    failed, _ = doctest.testmod(loaded, optionflags=OPTIONS)
    assert not failed
