"""A user's file passes strict type checking."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.house.paths import FRAMEWORKS, ROOT


@pytest.mark.skipif(find_spec("pyright") is None, reason="pyright is not installed")
def test_a_users_file_is_typed() -> None:
    for framework in FRAMEWORKS:
        if find_spec(framework) is None:
            pytest.skip(f"{framework} is not installed, and the file uses it")
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout
