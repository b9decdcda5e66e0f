"""What a mutant is: a module with one small change, such as a careless edit might leave.

An operator looks at one node of the syntax tree and yields what might stand there instead.
Annotations, docstrings, imports and the texts of messages are left alone: they compute nothing.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Operator = Callable[[ast.AST], Iterator[ast.AST]]

ARITHMETIC: dict[type[ast.AST], type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.UAdd: ast.USub,
    ast.USub: ast.UAdd,
}
COMPARISONS: dict[type[ast.AST], tuple[type, ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
NEIGHBOURS = {
    "all": "any",
    "any": "all",
    "exp": "expm1",
    "expm1": "exp",
    "log": "log1p",
    "log1p": "log",
    "max": "min",
    "amax": "amin",
    "maximum": "minimum",
    "mean": "sum",
    "ones_like": "zeros_like",
    "reduce_any": "reduce_all",
    "reduce_max": "reduce_min",
    "reduce_mean": "reduce_sum",
    "reduce_prod": "reduce_sum",
    "reduce_sum": "reduce_mean",
    "sum": "mean",
    "zeros_like": "ones_like",
}
"""Functions that are easily taken for one another."""

SYMMETRIC = {"equals", "max", "maximum", "min", "promote_types", "result_type"}
"""Functions that do not mind the order of their arguments."""

CONTEXT = {"xp", "kernel", "plan", "k"}
"""Arguments that functions hand on; in another place they crash at once, which teaches nothing."""

NAMESPACES = {"jax", "jnp", "math", "np", "tf", "tl", "tm", "torch", "xp"}
"""Names of modules: what follows their dot is a function, not a method."""

SILENT = {"copy", "meaning", "name"}
"""Keywords that change no result: words for people, and what saves memory."""


# Operators ----------------------------------------------------------------------------------------


def arithmetic(node: ast.AST) -> Iterator[ast.AST]:
    """`a + b` becomes `a - b`; `-a` becomes `+a`."""
    if isinstance(node, ast.BinOp):
        yield ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)
    if isinstance(node, ast.AugAssign):
        yield ast.AugAssign(node.target, ARITHMETIC[type(node.op)](), node.value)
    if isinstance(node, ast.UnaryOp) and type(node.op) in ARITHMETIC:
        yield ast.UnaryOp(ARITHMETIC[type(node.op)](), node.operand)


def operand_dropped(node: ast.AST) -> Iterator[ast.AST]:
    """`a + b` becomes `a`."""
    if isinstance(node, ast.BinOp):
        yield node.left


def comparison(node: ast.AST) -> Iterator[ast.AST]:
    """`a == b` becomes `a != b`; `a < b` becomes `a <= b` and `a >= b`."""
    if isinstance(node, ast.Compare):
        for place, op in enumerate(node.ops):
            for other in COMPARISONS[type(op)]:
                yield ast.Compare(node.left, _replaced(node.ops, place, other()), node.comparators)


def logic(node: ast.AST) -> Iterator[ast.AST]:
    """`a and b` becomes `a or b`, `a` and `b`; `not a` becomes `a`."""
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        yield from node.values
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand


def condition(node: ast.AST) -> Iterator[ast.AST]:
    """A branch is taken always, or never; a condition that compares nothing is negated."""
    if isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
        if not isinstance(node.test, ast.Compare):
            yield ast.IfExp(node.test, node.orelse, node.body)
    if isinstance(node, ast.If):
        yield from (ast.If(ast.Constant(x), node.body, node.orelse) for x in (True, False))
        if not isinstance(node.test, ast.Compare):
            yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)


def constant(node: ast.AST) -> Iterator[ast.AST]:
    """A number grows by 1; True becomes False."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)


def keyword_dropped(node: ast.AST) -> Iterator[ast.AST]:
    """A keyword takes its default."""
    if isinstance(node, ast.Call):
        for place, keyword in enumerate(node.keywords):
            if keyword.arg not in SILENT:
                yield ast.Call(node.func, node.args, _replaced(node.keywords, place))


def arguments_swapped(node: ast.AST) -> Iterator[ast.AST]:
    """`f(a, b)` becomes `f(b, a)`."""
    if isinstance(node, ast.Call) and _name(node.func) not in SYMMETRIC:
        yield from (ast.Call(node.func, args, node.keywords) for args in _swapped(node.args))


def elements_swapped(node: ast.AST) -> Iterator[ast.AST]:
    """`(a, b)` becomes `(b, a)`; of pairs and of names the order is free."""
    if not (isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load)):
        return
    if not any(isinstance(x, ast.Tuple) or _is_name(x) for x in node.elts):
        yield from (ast.Tuple(elements, node.ctx) for elements in _swapped(node.elts))


def call_dropped(node: ast.AST) -> Iterator[ast.AST]:
    """`f(x, …)` and `x.f(…)` become `x`."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and not _in_namespace(node.func):
            yield node.func.value
        else:
            data = [x for x in node.args if not (_handed_on(x) or isinstance(x, ast.Starred))]
            yield from data[:1]


def neighbour(node: ast.AST) -> Iterator[ast.AST]:
    """A function is taken for another: `mean` for `sum`."""
    if isinstance(node, ast.Call) and (other := NEIGHBOURS.get(_name(node.func))):
        if isinstance(node.func, ast.Attribute):
            function = ast.Attribute(node.func.value, other, node.func.ctx)
            yield ast.Call(function, node.args, node.keywords)
        else:
            yield ast.Call(ast.Name(other, ast.Load()), node.args, node.keywords)


def statement_deleted(node: ast.AST) -> Iterator[ast.AST]:
    """A statement that works on what is there is gone."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield ast.Pass()
    if isinstance(node, ast.AugAssign | ast.Raise):
        yield ast.Pass()
    if isinstance(node, ast.Assign):
        written = {name for target in node.targets for name in _names(target)}
        if written and written <= _names(node.value):
            yield ast.Pass()
    if isinstance(node, ast.With):
        yield ast.If(ast.Constant(True), node.body, [])


OPERATORS: tuple[Operator, ...] = (
    arithmetic,
    operand_dropped,
    comparison,
    logic,
    condition,
    constant,
    keyword_dropped,
    arguments_swapped,
    elements_swapped,
    call_dropped,
    neighbour,
    statement_deleted,
)


def _replaced(values: list, place: int, *others: ast.AST) -> list:
    return [*values[:place], *others, *values[place + 1 :]]


def _swapped(values: list[ast.expr]) -> Iterator[list[ast.expr]]:
    """Exchange each pair of neighbours that differ."""
    for i in range(len(values) - 1):
        a, b = values[i : i + 2]
        if not (_handed_on(a) or _handed_on(b) or ast.dump(a) == ast.dump(b)):
            yield [*values[:i], b, a, *values[i + 2 :]]


def _handed_on(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id in CONTEXT


def _is_name(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _name(function: ast.expr) -> str:
    return ast.unparse(function).rpartition(".")[2]


def _in_namespace(function: ast.Attribute) -> bool:
    return not NAMESPACES.isdisjoint(ast.unparse(function.value).split("."))


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


# Mutants ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    """A module with one change; `what` tells it from all other mutants of the module."""

    function: str
    operator: str
    what: str
    before: str
    changed: str
    after: str

    @property
    def source(self) -> str:
        """The text of the module."""
        return self.before + self.changed + self.after


@dataclass(frozen=True)
class _Place:
    """Where a node hangs: what may be put there instead of it."""

    parent: ast.AST
    field: str
    index: int | None
    function: str

    @property
    def node(self) -> ast.AST:
        value = getattr(self.parent, self.field)
        return value if self.index is None else value[self.index]

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, no two of them the same."""
    module = ast.parse(source)
    parts = [ast.unparse(statement) + "\n" for statement in module.body]
    names = Counter[str]()
    for index, part in enumerate(parts):
        before, after = "".join(parts[:index]), "".join(parts[index + 1 :])
        for function, operator, change, changed in _changes(module, index, part):
            names[change] += 1
            what = f"{change} ({names[change]})" if names[change] > 1 else change
            yield Mutant(function, operator, what, before, changed, after)


def _changes(module: ast.Module, index: int, part: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield function, operator, what is changed and the new text, for one part of a module."""
    seen = {part}
    only = ast.Module([module.body[index]], [])
    for place in list(_places(only, "module")):
        node, shown = place.node, _context(place)
        before = _line(shown())
        for operator in OPERATORS:
            for other in operator(node):
                place.put(other)
                text, after = ast.unparse(only) + "\n", _line(shown())
                place.put(node)
                if text not in seen:
                    seen.add(text)
                    change = f"{place.function}: {_change(before, after)}"
                    yield place.function, operator.__name__, change, text


def _places(node: ast.AST, function: str) -> Iterator[_Place]:
    """Every node below this one that computes something."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        function = node.name if function == "module" else f"{function}.{node.name}"
    for field, value in ast.iter_fields(node):
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(child, ast.AST) and not _says_nothing(node, field, child):
                if isinstance(child, ast.expr | ast.stmt):
                    yield _Place(node, field, index, function)
                yield from _places(child, function)


def _says_nothing(parent: ast.AST, field: str, child: ast.AST) -> bool:
    """Whether a node is there for people or type checkers alone."""
    if isinstance(child, ast.Import | ast.ImportFrom | ast.JoinedStr):
        return True
    if field in ("annotation", "returns") or isinstance(parent, ast.Raise):
        return True
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return True
    if isinstance(child, ast.Assign):  # __all__, or another name for a type
        alias = isinstance(parent, ast.Module) and isinstance(child.value, ast.Subscript)
        return alias or ast.unparse(child.targets[0]) == "__all__"
    return isinstance(parent, ast.keyword) and parent.arg in SILENT


def _context(place: _Place) -> Callable[[], ast.AST]:
    """What is shown of a change: a number with what it is part of, else the node itself."""
    part = isinstance(place.node, ast.Constant) and isinstance(place.parent, ast.expr | ast.keyword)
    return lambda: place.parent if part else place.node


def _line(node: ast.AST) -> str:
    """The node as text; of a statement its first line."""
    return ast.unparse(node).partition("\n")[0]


def _change(before: str, after: str) -> str:
    """Both texts; of long ones what differs, and a few words around it."""
    if len(before) > 80:
        start = max(before.rfind(" ", 0, max(_shared(before, after) - 20, 0)), 0)
        end = max(_shared(before[:start:-1], after[:start:-1]) - 20, 0)
        before, after = (f"…{x[start : len(x) - end]}…" for x in (before, after))
    return f"{before} → {after}"


def _shared(a: str, b: str) -> int:
    """How many characters both begin with."""
    pairs = zip(a, b, strict=False)
    return next((i for i, (x, y) in enumerate(pairs) if x != y), min(len(a), len(b)))
