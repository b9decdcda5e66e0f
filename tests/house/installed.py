"""Run by `nox -s packaging` beside an installed wheel, where NumPy is the only framework."""

from __future__ import annotations

import math
from importlib import import_module, metadata
from pathlib import Path

import numpy as np

import unifocal as uf
from unifocal.dispatch import load_backend

ROOT = Path(__file__).resolve().parents[2]
ROOTS = [ROOT / name for name in ("spec", "src", "backends")]


def in_checkout() -> set[str]:
    """The files that belong to the packages."""
    files = (path for root in ROOTS for path in root.glob("*/**/*") if path.is_file())
    return {
        path.relative_to(next(root for root in ROOTS if path.is_relative_to(root))).as_posix()
        for path in files
        if "__pycache__" not in path.parts
    }


def in_wheel() -> set[str]:
    """The files that the wheel installed, without its metadata and the script beside Python."""
    files = (file.as_posix() for file in metadata.files("unifocal") or ())
    inside = (file for file in files if not file.startswith(".."))
    return {file for file in inside if "__pycache__" not in file and ".dist-info/" not in file}


def is_refused(backend: str) -> bool:
    """Whether a backend whose framework is missing says which extra to install."""
    try:
        load_backend(backend)
    except uf.MissingFrameworkError as error:
        return f"unifocal[{backend}]" in str(error)
    return False


def main() -> None:
    """Complain, by assertion, about the first thing that is not as it should be."""
    assert not Path(uf.__file__).is_relative_to(ROOT / "src"), "this is the checkout, not the wheel"
    assert metadata.version("unifocal") == uf.__version__
    assert in_wheel() == in_checkout(), in_wheel() ^ in_checkout()
    (script,) = metadata.entry_points(group="console_scripts", name="unifocal")
    assert callable(script.load())
    assert any(file.endswith(".md") for file in in_wheel()), "the equations are missing"
    logits, target = np.zeros((1, 2, 4)), np.array([[0, 1, 1, 0]])
    for package in ("unifocal", "unifocal_numpy"):
        value = import_module(package).cross_entropy(logits, target)
        assert math.isclose(value, math.log(2), rel_tol=1e-15)
    packages = {file.split("/")[0] for file in in_wheel()}
    backends = {name.removeprefix("unifocal_") for name in packages if "_" in name}
    missing = backends - {"numpy", "spec", "keras"}
    assert all(is_refused(name) for name in missing), missing
    print(f"unifocal {uf.__version__}: {len(in_wheel())} files, cross-entropy of nothing is log 2")


if __name__ == "__main__":
    main()
