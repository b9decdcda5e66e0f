"""Write every generated file, or compare what is there with what would be written."""

from __future__ import annotations

import difflib
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from unifocal.compiler.emit import (
    BACKENDS,
    emit_backend,
    emit_front,
    emit_keras,
    emit_torch_modules,
)
from unifocal.compiler.equations import pages
from unifocal.compiler.numba import emit_numba
from unifocal.compiler.triton import emit_triton
from unifocal_spec import LOSSES

SOURCE = "spec/unifocal_spec/losses.py"


def _code() -> Iterator[tuple[str, str]]:
    losses = LOSSES.values()
    for name in BACKENDS:
        yield f"backends/unifocal_{name}/losses.py", emit_backend(losses, name, SOURCE)
    yield "backends/unifocal_torch/modules.py", emit_torch_modules(losses, SOURCE)
    yield "backends/unifocal_torch/numba_terms.py", emit_numba(losses, SOURCE)
    yield "backends/unifocal_torch/triton_terms.py", emit_triton(losses, SOURCE)
    yield "backends/unifocal_keras/losses.py", emit_keras(losses, SOURCE)
    yield "src/unifocal/losses.py", emit_front(losses, SOURCE)


def _ruff(root: Path, path: str, text: str) -> str:
    """Sort imports, drop unused ones and format, with the project's settings."""
    ruff = (sys.executable, "-m", "ruff")
    for arguments in (
        ("check", "--quiet", "--fix-only", "--select=F401,I,RUF022", "--stdin-filename", path, "-"),
        ("format", "--quiet", "--stdin-filename", path, "-"),
    ):
        text = subprocess.run(
            (*ruff, *arguments), input=text, capture_output=True, text=True, check=True, cwd=root
        ).stdout
    return text


def repository() -> Path:
    """Return the checkout that this module is imported from."""
    root = Path(__file__).resolve().parents[3]
    if not (root / SOURCE).is_file():
        raise FileNotFoundError(
            f"generated files live in a checkout of the repository; {root} holds no {SOURCE}"
        )
    return root


def generated_files() -> dict[str, str]:
    """Return every generated file's text by its path in the repository."""
    root = repository()
    with ThreadPoolExecutor() as pool:
        formatted = {path: pool.submit(_ruff, root, path, text) for path, text in _code()}
    equations = {f"spec/unifocal_spec/equations/{name}": text for name, text in pages().items()}
    return {path: future.result() for path, future in formatted.items()} | equations


def write() -> list[str]:
    """Write what differs and return its paths."""
    changed = [path for path, _ in _differences()]
    for path, text in generated_files().items():
        if path in changed:
            target = repository() / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    return changed


def _differences() -> Iterator[tuple[str, str]]:
    for path, wanted in generated_files().items():
        file = repository() / path
        found = file.read_text(encoding="utf-8") if file.is_file() else ""
        if found != wanted:
            lines = (found.splitlines(keepends=True), wanted.splitlines(keepends=True))
            yield path, "".join(difflib.unified_diff(*lines, path, f"{path} (generated)"))


def check() -> str:
    """Return the difference between the files and what would be generated; empty if none."""
    return "".join(diff for _, diff in _differences())
