"""Hold one mutant to its guards: the whole package is imported anew, one module of it changed."""

from __future__ import annotations

import functools
import gc
import hashlib
import importlib
import importlib.util
import pickle
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.mutation.guards import guards

KEPT = ("tests.cases", "tests.house", "tests.mutation")
"""Test modules that import nothing of what is mutated."""

FRAMEWORKS = r"(gast|google|jax|jaxlib|keras|tensorflow|torch)(\.|$)"
"""What these warn of is not ours to mend."""


class Verdict(NamedTuple):
    """How a mutant ended."""

    outcome: str
    """"survived", "wrong" (an assertion failed), "crashed" or "timeout"."""
    by: str = ""
    """The test that killed it."""
    parity: bool = True
    """Whether that was a test of parity."""
    message: str = ""

    @property
    def killed(self) -> bool:
        """Whether a test noticed."""
        return self.outcome != "survived"


class _Finder(MetaPathFinder):
    """Finds one module in another file."""

    def __init__(self, module: str, file: Path) -> None:
        self.module, self.file = module, file

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != self.module:
            return None
        return importlib.util.spec_from_file_location(name, self.file)


def judge(
    module: str, file: Path, frameworks: Sequence[str], truths: Path, few: bool = False
) -> Verdict:
    """Run the guards of these frameworks with `module` read from `file`, until one fails.

    With `few`, one call of each test.
    """
    finder = _Finder(module, file)
    _forget()
    sys.meta_path.insert(0, finder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # as under pytest
            warnings.filterwarnings("ignore", module=FRAMEWORKS)
            return _first_failure(frameworks, truths, few)
    finally:
        sys.meta_path.remove(finder)
        _forget()
        gc.collect()


def _first_failure(frameworks: Sequence[str], truths: Path, few: bool) -> Verdict:
    by, parity = "import", True
    try:
        _prepare(truths)
        for framework in frameworks:
            for guard in guards(framework, few):
                by, parity = guard.name, guard.parity
                guard()
    except KeyboardInterrupt:
        raise
    except (AssertionError, pytest.fail.Exception) as error:
        return Verdict("wrong", by, parity, _sentence(error))
    except BaseException as error:  # a mutant may raise anything
        return Verdict("crashed", by, parity, _sentence(error))
    return Verdict("survived")


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:200]


def _forget() -> None:
    """Forget the package, the tests that have imported it, and what was compiled of it."""
    for name in list(sys.modules):
        root = name.partition(".")[0]
        if root.startswith("unifocal") or (root == "tests" and not name.startswith(KEPT)):
            del sys.modules[name]
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    if "torch._dynamo" in sys.modules:
        sys.modules["torch._dynamo"].reset()


def _prepare(truths: Path) -> None:
    """Set up what the suite sets up in `conftest.py`, and an oracle that remembers."""
    backends = importlib.import_module("unifocal.certificate.backends")
    backends.TORCH_COMPILER = "aot_eager"
    oracle = importlib.import_module("unifocal.certificate.oracle")
    for name in ("value", "value_and_grad"):
        setattr(oracle, name, _remembering(getattr(oracle, name), truths))


def _remembering(function: Callable[..., Any], file: Path) -> Callable[..., Any]:
    """Look numbers of the oracle up: it is slow, and shares nothing with what is mutated."""
    truths = _truths(file)

    @functools.wraps(function)
    def remembering(*arguments: Any, **keywords: Any) -> Any:
        call = pickle.dumps((function.__name__, arguments, sorted(keywords.items())))
        key = hashlib.sha256(call).hexdigest()
        if key not in truths:
            truths[key] = function(*arguments, **keywords)
        return truths[key]

    return remembering


@functools.cache
def _truths(file: Path) -> dict[str, Any]:
    return pickle.loads(file.read_bytes()) if file.is_file() else {}


def save_truths(file: Path) -> None:
    """Write what the oracle was asked for, so that other processes need not ask it."""
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_bytes(pickle.dumps(_truths(file)))
    unfinished.replace(file)
