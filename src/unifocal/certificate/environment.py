"""Where a number came from: versions and commit."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path


def version(package: str) -> str | None:
    """The version of an installed package; None for what runs without being installed."""
    try:
        return metadata.version(_distribution(package))
    except metadata.PackageNotFoundError:
        return None


def _distribution(package: str) -> str:
    """TensorFlow's CPU build is another distribution of the same module."""
    if package != "tensorflow":
        return package
    return metadata.packages_distributions().get(package, [package])[0]


def commit() -> str | None:
    """The commit of the running sources, `-dirty` if they differ from it; None outside of git."""
    try:
        # An installed copy may lie in a repository that knows nothing of it.
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*command: str) -> str:
    done = subprocess.run(
        ("git", *command), cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
