"""The examples in the docstrings are true, on every framework that is installed."""

from __future__ import annotations

import doctest
from importlib import import_module
from importlib.util import find_spec

import pytest

MODULES = {
    "unifocal.losses": "numpy",
    "unifocal.dispatch": "numpy",
    "unifocal.compiler.lint": "sympy",
    "unifocal_spec.definition": "numpy",
    "unifocal_numpy.losses": "numpy",
    "unifocal_torch.losses": "torch",
    "unifocal_torch.modules": "torch",
    "unifocal_jax.losses": "jax",
    "unifocal_tensorflow.losses": "tensorflow",
    "unifocal_keras.losses": "keras",
}


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module(module: str) -> None:
    if find_spec(MODULES[module]) is None:
        pytest.skip(f"{MODULES[module]} is not installed")
    found = doctest.testmod(import_module(module), optionflags=doctest.ELLIPSIS)
    assert found.attempted > 0
    assert found.failed == 0
