"""Where a number came from: versions and commit."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path


def versions(backend: str) -> dict[str, str | None]:
    """Versions of what computes the numbers; None for what runs without being installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in ("unifocal", "numpy", "keras", backend):
        try:
            found[package] = _version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def _version(package: str) -> str:
    """TensorFlow's CPU build is another distribution of the same module."""
    if package != "tensorflow":
        return metadata.version(package)
    return metadata.version(metadata.packages_distributions()[package][0])


def commit() -> str | None:
    """The commit of the running sources, ``-dirty`` if they differ from it; None outside of git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
