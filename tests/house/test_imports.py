"""The core needs no framework, and says what to install where one is wanted."""

import subprocess
import sys
import textwrap

import pytest

from tests.house.paths import FRAMEWORKS

UNWANTED = (*FRAMEWORKS, "jaxlib", "mpmath", "sympy")


def run(code: str) -> str:
    """Run code in a process of its own, where nothing has been imported yet."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("statement", ["import unifocal", "import unifocal_spec.claims"])
def test_importing_the_core_imports_no_framework(statement: str) -> None:
    imported = run(
        f"""
        import sys
        {statement}
        print([name for name in {UNWANTED!r} if name in sys.modules])
        """
    )
    assert imported == "[]"


def test_numpy_needs_no_framework() -> None:
    imported = run(
        f"""
        import sys
        import numpy as np, unifocal as uf
        uf.value_and_grad(uf.unified_focal)(np.zeros((1, 2)), np.array([1]))
        print([name for name in {UNWANTED!r} if name in sys.modules])
        """
    )
    assert imported == "[]"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_missing_framework_is_named_with_its_extra(framework: str) -> None:
    message = run(
        f"""
        import sys
        sys.modules[{framework!r}] = None  # as if it were not installed
        from unifocal import MissingFrameworkError
        from unifocal.dispatch import load_backend
        try:
            load_backend({framework!r}, "losses")
        except MissingFrameworkError as error:
            print(error)
        """
    )
    assert f"needs {framework}" in message
    assert f"pip install unifocal[{framework}]" in message


def test_a_missing_compiler_is_named_with_its_extra() -> None:
    message = run(
        """
        import sys
        sys.modules["sympy"] = None
        import numpy as np, unifocal as uf
        from unifocal_spec import LOSSES
        try:
            uf.compile(LOSSES["dice"])(np.zeros((1, 2)), np.array([1]))
        except uf.MissingFrameworkError as error:
            print(error)
        """
    )
    assert "sympy" in message
    assert "pip install unifocal[compiler]" in message
