"""Where a number came from: the versions of what computes it."""

from __future__ import annotations

import platform

from unifocal.certificate.environment import version


def versions(backend: str) -> dict[str, str | None]:
    """Versions of what computes the numbers; None for what runs without being installed."""
    packages = ("unifocal", "numpy", "keras", backend)
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
