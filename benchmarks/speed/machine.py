"""Where the figures were taken, and with what."""

from __future__ import annotations

import hashlib
import os
import platform
from importlib.util import find_spec
from pathlib import Path

from benchmarks.store import Json
from unifocal.certificate.devices import processor_name
from unifocal.certificate.environment import version

PACKAGES = (
    *("numpy", "torch", "numba", "jax", "tensorflow", "keras"),
    *("monai", "segmentation-models-pytorch", "kornia", "nnunetv2", "optax"),
)
OURS = (
    *("unifocal_spec", "unifocal", "unifocal_numpy", "unifocal_torch"),
    *("unifocal_jax", "unifocal_tensorflow", "unifocal_keras"),
)
BUSY = 0.25
"""Of the cores: a load beyond it, before anything was measured, is somebody else's work."""


def _sources() -> str:
    """A hash of our own code: another loss is another figure."""
    digest = hashlib.sha256()
    for package in OURS:
        found = find_spec(package)
        assert found is not None
        assert found.origin is not None
        for path in sorted(Path(found.origin).parent.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def described() -> Json:
    """What a figure depends on beside what is measured."""
    versions = {package: version(package) for package in PACKAGES}
    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {package: version for package, version in versions.items() if version},
        "sources": _sources(),
    }


def load() -> float | None:
    """How many processes wanted a core in the last minute; None where it cannot be told."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def busy(load: float | None, cores: int) -> bool:
    """Whether others were at work."""
    return load is not None and load > BUSY * cores
