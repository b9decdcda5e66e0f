"""Keras on each of its backends: the checks next door, run in a process for each."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("keras", reason="Keras is not installed")

HERE = Path(__file__).parent


@pytest.mark.parametrize("backend", ["torch", "jax", "tensorflow", "numpy"])
def test_keras(backend, tmp_path):
    """Keras reads its backend once, when it is imported."""
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    files = [HERE / "keras_checks.py"]
    if backend != "numpy":  # on which Keras does not train
        files.append(HERE / "keras_training.py")
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]
    command += ["--no-showlocals", "--tb=short", *map(str, files)]
    environment = os.environ | {"KERAS_BACKEND": backend, "KERAS_HOME": str(tmp_path)}
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=HERE.parents[1], check=False
    )
    if ran.returncode != 0:
        pytest.fail(f"{backend}:\n{ran.stdout[-6000:]}{ran.stderr[-1000:]}", pytrace=False)
