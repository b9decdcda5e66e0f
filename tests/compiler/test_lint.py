"""The contract of array names: every definition keeps it, and each way to leave it is refused."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType

import pytest

from unifocal_spec import Loss, reference, regions
from unifocal_spec.claims.claim import DEFINITIONS
from unifocal_spec.contract import ELEMENTWISE, STRUCTURE

pytest.importorskip("sympy", reason="the compiler needs SymPy")

from unifocal.compiler.lint import ContractError, lint, lint_source
from unifocal.compiler.trace import trace

PARTS = [
    pytest.param(part, id=f"{loss.name}-{kind}")
    for loss in DEFINITIONS.values()
    for kind, part in loss.parts.items()
]

# body of `def pixel(xp, log_p, log_q, t)`: what the complaint must name
FORBIDDEN = {
    "return t.clip(0, 1)": ".clip",
    "return log_p.T": ".T",
    "return xp.linalg.norm(t)": ".norm",
    "return xp.sort(t)": "xp.sort",
    "return xp.sum(t)": "xp.sum",
    "if t > 0:\n        return t\n    return log_p": "an if statement",
    "return t if t > 0 else log_p": "a conditional expression",
    "for _ in (1, 2):\n        t = t * t\n    return t": "a loop",
    "while t > 0:\n        t = t - 1\n    return t": "a loop",
    "return [t for _ in (1, 2)]": "a comprehension",
    "return {t for _ in (1, 2)}": "a comprehension",
    "return {_: t for _ in (1, 2)}": "a comprehension",
    "return sum(t for _ in (1, 2))": "sum()",
    "return abs(t)": "abs()",
    "return max(t, 0)": "max()",
    "return float(t)": "float()",
    "print(t)\n    return t": "print()",
    "return getattr(xp, 'sort')(t)": "getattr()",
    "return t[0]": "an index",
    "return xp.where(t > 0 and t < 1, t, 0)": "and/or",
    "return xp.where(t > 0 or t < 1, t, 0)": "and/or",
    "return xp.where(not t > 0, t, 0)": "not",
    "return xp.where(0 < t < 1, t, 0)": "chain",
    "match t:\n        case 0:\n            return t\n    return log_p": "match",
    "assert t > 0\n    return t": "assert",
    "try:\n        return t\n    except ValueError:\n        return log_p": "a try statement",
    "with xp:\n        return t": "a with statement",
    "import math\n    return t": "an import",
    "from math import pi\n    return pi * t": "an import",
}


@pytest.mark.parametrize("part", PARTS)
def test_every_definition_keeps_the_contract(part):
    lint(part)


@pytest.mark.parametrize(("body", "named"), FORBIDDEN.items())
def test_what_leaves_the_contract_is_named(body, named):
    with pytest.raises(ContractError) as error:
        lint_source(f"def pixel(xp, log_p, log_q, t):\n    {body}\n", where="mine")
    message = str(error.value)
    assert named in message
    assert message.startswith("mine, line ")
    assert "\n" not in message


def test_the_line_of_the_complaint_is_that_of_the_source():
    with pytest.raises(ContractError, match="line 3: an index"):
        lint_source("def pixel(xp, t):\n    u = t * t\n    return u[0]\n")


def test_an_unknown_name_comes_with_the_known_ones():
    with pytest.raises(ContractError, match=r"'abs', 'cos', .*'where'"):
        lint_source("def pixel(xp, t): return xp.relu(t)")


def test_the_namespace_may_have_any_name():
    lint_source("def pixel(np, t): return np.exp(t)")
    with pytest.raises(ContractError, match=r"np\.sort"):
        lint_source("def pixel(np, t): return np.sort(t)")


def test_the_namespace_comes_first():
    with pytest.raises(ContractError, match="first argument must be the array namespace"):
        lint_source("def pixel(): return 1")


def test_nested_functions_are_held_to_the_contract():
    source = (
        "def pixel(xp, t):\n    def inner(xp, u):\n        return u[0]\n    return inner(xp, t)"
    )
    with pytest.raises(ContractError, match="an index"):
        lint_source(source)


def test_a_lambda_is_refused():
    pixel = lambda xp, log_p, log_q, t: -t * log_p  # noqa: E731 - the point of the test
    with pytest.raises(ContractError, match="must be a plain function"):
        lint(pixel)


def test_unreadable_source_is_refused():
    names: dict[str, object] = {}
    exec("def pixel(xp, log_p, log_q, t): return -t * log_p", names)
    with pytest.raises(ContractError, match="pixel: its source cannot be read; write it in a file"):
        lint(names["pixel"])


def test_a_callable_without_source_is_refused():
    with pytest.raises(ContractError, match="its source cannot be read"):
        lint(max)


def _clipped(xp, log_p, log_q, t):
    return t.clip(0, 1)


def test_the_compiler_lints_before_it_runs_a_part():
    loss = Loss("clipped", "One sentence.", "formula", pixel=_clipped)
    with pytest.raises(ContractError, match=r"_clipped, line 2: .*\.clip"):
        trace(loss)


def _names_of_xp(module: ModuleType) -> set[str]:
    """Every NAME of an `xp.NAME` in a module."""
    tree = ast.parse(inspect.getsource(module))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "xp"
    }


@pytest.mark.parametrize("module", [reference, regions], ids=["reference", "regions"])
def test_the_reference_keeps_to_the_contract(module):
    names = _names_of_xp(module)
    assert names
    assert names <= ELEMENTWISE | STRUCTURE


def test_the_contract_asks_for_nothing_that_nobody_uses():
    """Names for structure serve the reference alone: what it does not use has no place there."""
    used = _names_of_xp(reference) | _names_of_xp(regions)
    assert used >= STRUCTURE
