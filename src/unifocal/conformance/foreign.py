"""A foreign implementation: found by its name, fed in the form it wants, its result checked."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, get_args

import numpy as np

from unifocal.conformance.reading import Array

Implementation = Callable[..., Any]
Input = Literal["logits", "probabilities"]
Target = Literal["index", "one-hot"]
INPUTS: tuple[Input, ...] = get_args(Input)
TARGETS: tuple[Target, ...] = get_args(Target)


class ConformanceError(Exception):
    """A function that cannot be found, called or understood; the message says why."""


def find(name: str) -> Implementation:
    """Return the function that MODULE:FUNCTION names."""
    module, separator, path = name.partition(":")
    if not separator or not module or not path:
        raise ConformanceError(f"give the function as MODULE:FUNCTION, not {name!r}")
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        raise ConformanceError(f"no module named {error.name!r}, asked for {name!r}") from error
    for attribute in path.split("."):
        if not hasattr(found, attribute):
            raise ConformanceError(f"module {module!r} has no function {path!r}")
        found = getattr(found, attribute)
    if not callable(found):
        raise ConformanceError(f"{name} is not a function but {type(found).__name__}")
    return found  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Accepted:
    """The keywords that a function takes."""

    named: frozenset[str]
    others: bool
    """Whether it takes any keyword (`**keywords`)."""

    def __contains__(self, name: str) -> bool:
        """Whether a hyperparameter of this name can be given."""
        return name in self.named or self.others

    def axis(self, feed: Feed) -> dict[str, Any]:
        """Return the keyword that tells the class axis, if the function takes one."""
        return {"axis": feed.axis} if "axis" in self.named else {}


def accepted(function: Implementation) -> Accepted:
    """Look at a function's signature."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise ConformanceError(f"{function!r} does not tell its parameters: {error}") from error
    kinds = {p.kind for p in parameters}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    keywords = [p.name for p in parameters if p.kind in named]
    positional = [p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    return Accepted(
        frozenset(keywords) - frozenset(positional[:2]), inspect.Parameter.VAR_KEYWORD in kinds
    )


@dataclass(frozen=True)
class Feed:
    """The form in which a function takes its arrays."""

    axis: int
    """Its class axis, 1 or −1."""
    input: Input
    targets: tuple[Target, ...]
    """One form of targets, or both."""

    def __str__(self) -> str:
        """Say it in a few words."""
        names = {"index": "class indices", "one-hot": "one-hot targets"}
        targets = " or ".join(names[target] for target in self.targets)
        return f"{self.input} (classes on axis {self.axis}) and {targets}"


def feeds(
    axis: int | None = None, input: str | None = None, target: str | None = None
) -> Iterator[Feed]:
    """Yield every form in question, each with one form of targets; None leaves it open."""
    axes = (1, -1) if axis is None else (axis,)
    for way in itertools.product(INPUTS, axes, TARGETS):
        if input in (None, way[0]) and target in (None, way[2]):
            yield Feed(axis=way[1], input=way[0], targets=(way[2],))


def softmax(logits: Array, axis: int) -> Array:
    """Return probabilities along an axis."""
    exponentials = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=axis, keepdims=True))


def _one_hot(labels: Array, channels: int) -> Array:
    if channels == 1:  # a sigmoid channel: its value is that of class 1
        return labels[:, None].astype(np.float64)
    if labels.min(initial=0) < 0 or labels.max(initial=0) >= channels:
        raise ConformanceError("an ignored label has no one-hot form")
    return np.moveaxis(np.eye(channels)[labels], -1, 1)


def _index(target: Array) -> Array:
    if not (np.isin(target, (0, 1)).all() and (target.sum(axis=1) == 1).all()):
        raise ConformanceError("takes class indices alone")
    return np.asarray(target.argmax(axis=1))


def shaped(feed: Feed, logits: Array, target: Array) -> tuple[Array, Array]:
    """Bring logits (classes on axis 1) and target, index or per class, to the form of the feed."""
    given: Target = "one-hot" if target.ndim == logits.ndim else "index"
    wanted = given if given in feed.targets else feed.targets[0]
    if given != wanted:
        target = _index(target) if wanted == "index" else _one_hot(target, logits.shape[1])
    if wanted == "one-hot":
        target = np.moveaxis(target, 1, feed.axis)
    if feed.input == "probabilities":
        logits = softmax(logits, 1)
    return np.ascontiguousarray(np.moveaxis(logits, 1, feed.axis)), np.ascontiguousarray(target)


def call(
    function: Implementation, arrays: tuple[Array, Array], keywords: Mapping[str, Any]
) -> tuple[float, Array | None]:
    """Return value and, if the function gives one, gradient."""
    result = function(*arrays, **keywords)
    value, gradient = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
    number = _array(value)
    if number.size != 1:
        raise ConformanceError(
            "the function must return a number, or a number and a gradient, but it returned "
            f"{_described(result)}"
        )
    if gradient is not None:
        gradient = _array(gradient)
        if gradient.shape != arrays[0].shape:
            raise ConformanceError(
                f"the gradient must have the shape of the logits, {arrays[0].shape}, "
                f"not {gradient.shape}"
            )
    return float(number.reshape(())), gradient


def _array(value: Any) -> Array:
    """Return an array of float64, or one that is not of size 1 where this is no number."""
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return np.empty(0)


def _described(result: Any) -> str:
    shape = getattr(result, "shape", None)
    kind = type(result).__name__
    return f"{kind} of shape {tuple(shape)}" if shape is not None else f"{kind} {result!r:.60}"


def raised(error: Exception) -> str:
    """Say in one line what a stranger raised."""
    first_line = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first_line:.200}"
