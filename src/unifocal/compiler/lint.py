"""Hold a definition to the contract: elementwise array names, and nothing that looks at values."""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from unifocal_spec.contract import ELEMENTWISE

_FORBIDDEN: dict[type[ast.AST], str] = {
    ast.If: "an if statement: use xp.where",
    ast.IfExp: "a conditional expression: use xp.where",
    ast.For: "a loop",
    ast.While: "a loop",
    ast.Match: "a match statement: use xp.where",
    ast.Assert: "an assert statement",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.BoolOp: "and/or on values: use xp.where",
    ast.Not: "not on values: use the opposite comparison",
    ast.Subscript: "an index: a definition sees one element",
    ast.Try: "a try statement",
    ast.With: "a with statement",
    ast.Import: "an import",
    ast.ImportFrom: "an import",
}


class ContractError(ValueError):
    """A definition leaves the contract of array names."""


def _complaint(node: ast.AST, namespace: str, names: frozenset[str]) -> str | None:
    for kind, what in _FORBIDDEN.items():
        if isinstance(node, kind):
            return what
    if isinstance(node, ast.Compare) and len(node.ops) > 1:
        return "a chained comparison: use one comparison in each xp.where"
    if isinstance(node, ast.Attribute):
        owner = node.value
        if not (isinstance(owner, ast.Name) and owner.id == namespace):
            return f"a method or attribute .{node.attr}: call {namespace}.NAME instead"
        if node.attr not in names:
            return f"{namespace}.{node.attr}, which is not in the contract {sorted(names)}"
    called = node.func if isinstance(node, ast.Call) else None
    if isinstance(called, ast.Name) and hasattr(builtins, called.id):
        return f"the builtin {called.id}(): use {namespace}.NAME"
    return None


def lint_source(
    source: str, *, where: str = "definition", names: frozenset[str] = ELEMENTWISE
) -> None:
    """Raise ContractError at the first function in `source` that leaves the contract."""
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.Lambda):
            continue
        arguments = [*function.args.posonlyargs, *function.args.args]
        if not arguments:
            raise ContractError(f"{where}: the first argument must be the array namespace xp")
        body = function.body if isinstance(function.body, list) else [function.body]
        for statement in body:
            for node in ast.walk(statement):
                if complaint := _complaint(node, arguments[0].arg, names):
                    line = getattr(node, "lineno", 0)
                    raise ContractError(f"{where}, line {line}: {complaint}")


def lint(part: Callable[..., Any]) -> None:
    """Raise ContractError if a part of a definition leaves the contract.

    >>> lint_source("def pixel(xp, t): return t.clip(0, 1)")
    Traceback (most recent call last):
    unifocal.compiler.lint.ContractError: definition, line 1: a method or attribute .clip: call \
xp.NAME instead
    """
    name = getattr(part, "__qualname__", repr(part))
    try:
        source = textwrap.dedent(inspect.getsource(part))
    except (OSError, TypeError) as error:
        raise ContractError(f"{name}: its source cannot be read; write it in a file") from error
    if not source.lstrip().startswith("def "):
        raise ContractError(f"{name}: a part of a definition must be a plain function (def)")
    lint_source(source, where=name)
