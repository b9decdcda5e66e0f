"""Parity can fail: break the generated code on purpose, one operator at a time, and see it.

Every arithmetic operator, constant and argument of every generated part of the NumPy backend is
mutated in turn. A mutant that passes parity would mean that parity does not test that place.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

import unifocal
import unifocal_numpy.losses as losses
from tests.cases import LOSSES
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate import oracle
from unifocal_spec import Kernel, Part

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.UAdd: ast.USub,
    ast.USub: ast.UAdd,
}


@dataclass(frozen=True)
class Mutant:
    """One generated function with one operator changed."""

    part: str
    place: int
    what: str
    source: str


def _guards(tree: ast.AST) -> set[ast.AST]:
    """Constants that stand for a limit: r at log p = 0 and x^(κ − 1) at x = 0.

    Whatever finite number stands there meets a factor that is exactly 0 (1 − p, or the sums of a
    class without an error), so changing it changes nothing: these mutants are equivalent.
    """
    wheres = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.where"
    ]
    tiny = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and ast.unparse(node.right) == "1e-37"
    ]
    values = [node.args[2] for node in wheres if ast.unparse(node.args[2]) in ("-1.0", "0")]
    inside = {inner for value in values for inner in ast.walk(value)}
    return inside | {part for node in tiny for part in (node, node.right)}


def _mutations(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield every single change of an operator, in place; the tree is restored afterwards."""
    guards = _guards(tree)
    for node in ast.walk(tree):
        if node in guards:
            continue
        if isinstance(node, ast.BinOp | ast.UnaryOp) and type(node.op) in SWAPS:
            kept = node.op
            node.op = SWAPS[type(kept)]()
            yield f"{type(kept).__name__} -> {type(node.op).__name__} in {ast.unparse(node)}", tree
            node.op = kept
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.where":
            node.args[1], node.args[2] = node.args[2], node.args[1]
            yield f"branches swapped in {ast.unparse(node)}", tree
            node.args[1], node.args[2] = node.args[2], node.args[1]
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            kept_value = node.value
            node.value = kept_value + 1
            yield f"{kept_value} -> {node.value}", tree
            node.value = kept_value


def _mutants() -> Iterator[Mutant]:
    for name, function in inspect.getmembers(losses, inspect.isfunction):
        if function.__module__ == losses.__name__ and name not in LOSSES:
            tree = ast.parse(inspect.getsource(function))
            for place, (what, mutated) in enumerate(_mutations(tree)):
                yield Mutant(name, place, what, ast.unparse(mutated))


MUTANTS = list(_mutants())


@cache
def arrays(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Small calls: labels, soft targets, some pixels and a sample saturated, probabilities 0, 1."""
    rng = np.random.default_rng(number)
    z, t = rng.normal(size=(2, 3, 4)), rng.integers(0, 3, size=(2, 4))
    t[:, :3] = [0, 1, 2]
    if number == 1:
        return z, rng.dirichlet(np.ones(3), size=(2, 4)).transpose(0, 2, 1).copy()
    if number == 2:
        hot = np.moveaxis(np.eye(3)[t], -1, 1)
        z[0], z[1, :, :2] = 800 * hot[0], 800 * hot[1, :, :2]
    if number == 3:
        return np.moveaxis(np.eye(3)[t], -1, 1).copy(), t
    return z, t


LINEAR = {
    "focal_tversky": {"gamma": 1.0},
    "hybrid_focal": {"tversky_gamma": 1.0},
    "asymmetric_focal_tversky": {"gamma": 0.0},
    "unified_focal": {"gamma": 0.0},
}
"""Hyperparameters that make the exponent of the region term 1: at an error of 0 its slope is 1."""


def calls(loss: str) -> range:
    """The calls that a loss is held to: the last only where it has something to say."""
    return range(4 if loss in LINEAR else 3)


def keywords(loss: str, number: int) -> tuple[dict[str, str], dict[str, float]]:
    """Options and hyperparameters of a call."""
    return ({"activation": "none"}, LINEAR[loss]) if number == 3 else ({}, {})


@cache
def truth(loss: str, number: int) -> tuple[float, np.ndarray]:
    options, hyper = keywords(loss, number)
    return oracle.value_and_grad(loss, *arrays(number), **options, **hyper)


def parity(kernel: Kernel, loss: str) -> None:
    """Hold one kernel to the oracle."""
    for number in calls(loss):
        z, t = arrays(number)
        options, hyper = keywords(loss, number)
        mutated = SimpleNamespace(kernel=lambda backend: kernel)
        value, gradient = unifocal.value_and_grad(mutated)(z, t, **options, **hyper)
        wanted, by_logits = truth(loss, number)
        assert_value(value, wanted, z.dtype)
        assert_gradient(gradient, by_logits, z.dtype)


def _with(kernel: Kernel, name: str, function: object) -> Kernel:
    """Return the kernel with one of its functions replaced by name."""

    def swap(part: Part | None) -> Part | None:
        if part is None:
            return None
        return Part(*(function if getattr(f, "__name__", "") == name else f for f in part))

    return replace(
        kernel, pixel=swap(kernel.pixel), region=swap(kernel.region), combine=swap(kernel.combine)
    )


def _uses(kernel: Kernel, name: str) -> bool:
    parts = [p for p in (kernel.pixel, kernel.region, kernel.combine) if p is not None]
    return any(name in (p.value.__name__, p.gradient.__name__) for p in parts)


def survives(mutant: Mutant) -> bool:
    """Whether every loss that uses the mutated part still passes parity."""
    scope: dict[str, object] = {}
    exec(compile(mutant.source, "<mutant>", "exec"), losses.__dict__ | {}, scope)
    for loss, kernel in losses.KERNELS.items():
        if _uses(kernel, mutant.part):
            try:
                parity(_with(kernel, mutant.part, scope[mutant.part]), loss)
            except Exception:
                return False
    return True


@pytest.mark.parametrize("loss", LOSSES)
def test_the_unbroken_backend_passes(loss: str) -> None:
    parity(losses.KERNELS[loss], loss)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.part}-{m.place}")
def test_parity_kills_the_mutant(mutant: Mutant) -> None:
    assert not survives(mutant), f"survived: {mutant.what}"
