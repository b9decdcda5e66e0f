"""What a mutant is held to: tests of the suite, called as plain functions.

Parity comes first; the tests of the front door and of the framework come after it, so that a
mutant counts for parity wherever parity sees it. A seeded sample of the calls must do where every
call is compiled.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import pytest

PARITY = (
    "tests.parity.test_parity",
    "tests.parity.test_corners",
    "tests.parity.test_regions",
    "tests.parity.test_arrays",
    "tests.parity.test_namespaces",
    "tests.parity.test_extremes",
    "tests.parity.test_meaning",
    "tests.parity.test_inputs",
    "tests.parity.test_exact",
    "tests.parity.test_rounding",
    "tests.parity.test_leaning",
)
ERRORS = "tests.front.test_errors"
"""All of them: what is refused is not compiled first."""
OTHERS = ("tests.front.test_front_door", "tests.front.test_accumulate")
OWN: dict[str, tuple[str, ...]] = {
    "numpy": (),
    "torch": (
        "tests.backends.test_torch",
        "tests.backends.test_torch_memory",
        "tests.backends.test_torch_names",
    ),
    "jax": ("tests.backends.test_jax",),
    "tensorflow": ("tests.backends.test_tensorflow",),
}
"""Tests of what the users of one framework rely on."""
KERNELS = {"triton": "tests.backends.triton_checks", "numba": "tests.backends.test_numba"}
"""Tests of PyTorch's kernels; Triton's under its interpreter, which runs them on NumPy."""
EVERY_KERNEL = "tests.backends.kernel_checks"
"""What both are held to."""

MOST = {"numpy": 400, "torch": 400, "jax": 8, "tensorflow": 40, "triton": 40, "numba": 40}
"""The calls of one parity test, at most."""
MOST_COMPILED = 4
"""… where it runs by a framework's compiler."""
MOST_OTHERS = {"numpy": 100, "torch": 40, "jax": 4, "tensorflow": 6}
"""The calls of one other test."""


@dataclass(frozen=True)
class Guard:
    """One call of a test."""

    test: Callable[..., None]
    arguments: dict[str, Any]
    parity: bool
    kernels: str = ""
    """The module whose kernels are to be taken."""

    @property
    def name(self) -> str:
        """The test with its module."""
        return f"{self.test.__module__.removeprefix('tests.')}.{self.test.__name__}"

    def __call__(self) -> None:
        """Run the test as pytest would."""
        wanted = inspect.signature(self.test).parameters
        with contextlib.ExitStack() as stack:
            arguments = dict(self.arguments)
            if self.kernels:
                way = stack.enter_context(import_module(self.kernels).taken())
                arguments |= {"way": way} if "way" in wanted else {}
            if "monkeypatch" in wanted:
                arguments["monkeypatch"] = stack.enter_context(pytest.MonkeyPatch.context())
            if "backend" in arguments and not self.parity:
                precision = import_module("tests.precision")
                stack.enter_context(precision.float64(arguments["backend"]))
            stack.enter_context(contextlib.suppress(pytest.skip.Exception))
            self.test(**arguments)


def guards(framework: str, few: bool = False) -> Iterator[Guard]:
    """Yield the guards of a framework, parity first; with `few`, one call of each test."""
    most = 1 if few else 10**6
    if framework in KERNELS:
        for test in _tests(KERNELS[framework], EVERY_KERNEL):
            for guard in _some(test, _calls(test), min(most, MOST[framework]), parity=True):
                yield replace(guard, kernels=KERNELS[framework])
        return
    backends = import_module("unifocal.certificate.backends")
    eager, *compiled = (b for b in backends.Backend if b.framework == framework)
    for module in PARITY:
        yield from _sample(module, eager, min(most, MOST[framework]), parity=True)
    for member in compiled:
        yield from _sample(PARITY[0], member, min(most, MOST_COMPILED), parity=True)
    yield from _sample(ERRORS, eager, most, parity=False)
    for module in (*OTHERS, *OWN[framework]):
        yield from _sample(module, eager, min(most, MOST_OTHERS[framework]), parity=False)


def _sample(module: str, backend: Any, most: int, parity: bool) -> Iterator[Guard]:
    for test in _tests(module):
        calls = _calls(test)
        if "backend" in inspect.signature(test).parameters:
            calls = _on(backend, calls)
        elif parity and backend.framework != "numpy":
            continue  # it runs on NumPy, whatever is judged
        yield from _some(test, calls, most, parity)


def _some(
    test: Callable[..., None], calls: list[dict[str, Any]], most: int, parity: bool
) -> Iterator[Guard]:
    for call in random.Random(test.__name__).sample(calls, min(most, len(calls))):
        yield Guard(test, call, parity)


def _tests(module: str, *others: str) -> list[Callable[..., None]]:
    """The tests that a module has written, or imported from others.

    Those that use fixtures are left out: pytest alone can set them up.
    """
    functions = inspect.getmembers(import_module(module), inspect.isfunction)
    return [
        f
        for name, f in functions
        if name.startswith("test_") and f.__module__ in (module, *others) and not _fixtures(f)
    ]


def _fixtures(test: Callable[..., None]) -> set[str]:
    """What a test asks for and neither its marks nor a guard hand it."""
    marks = getattr(test, "pytestmark", ())
    used = {name for mark in marks if mark.name == "usefixtures" for name in mark.args}
    given = {"backend", "monkeypatch", "way"}
    for mark in marks:
        if mark.name == "parametrize":
            given |= _named(mark.args[0], next(iter(mark.args[1]))).keys()
    return used | inspect.signature(test).parameters.keys() - given


def _calls(test: Callable[..., None]) -> list[dict[str, Any]]:
    """The arguments of every call that the marks of a test ask for."""
    marks = [m for m in getattr(test, "pytestmark", ()) if m.name == "parametrize"]
    choices = [[_named(m.args[0], value) for value in m.args[1] if _runs(value)] for m in marks]
    return [
        {name: value for named in call for name, value in named.items()}
        for call in itertools.product(*choices)
    ]


def _on(backend: Any, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same calls on one backend, each once."""
    once = {repr(call | {"backend": None}): call | {"backend": backend} for call in calls}
    return list(once.values())


def _named(names: str | tuple[str, ...], value: Any) -> dict[str, Any]:
    """One value of a mark, by the names of the arguments."""
    if isinstance(names, str):
        names = tuple(name.strip() for name in names.split(","))
    if hasattr(value, "marks"):  # a pytest.param
        value = value.values
    elif len(names) == 1:
        value = (value,)
    return dict(zip(names, value, strict=True))


def _runs(value: Any) -> bool:
    """Whether a value of a mark is not to be skipped."""
    return not any(m.name == "skipif" and m.args[0] for m in getattr(value, "marks", ()))
