"""Plans of calls that came before: to make one takes as long as a small loss itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unifocal_spec.kernel import Kernel
from unifocal_spec.options import Plan, make_plan

MANY = 1 << 10
"""So many plans are kept; then all are forgotten, lest sizes that always change fill the memory."""

_PLAIN = {bool, int, float, str, type(None)}

_plans: dict[Any, Plan] = {}


Shape = Sequence[Any]


def plan_of(
    kernel: Kernel,
    shapes: tuple[Shape, Shape, Shape | None],
    kinds: tuple[str, str],
    hyper: Mapping[str, Any],
    options: Mapping[str, Any],
    keep: bool = True,
) -> Plan:
    """Return the plan of a call: that of an earlier one, or a new one, which is kept.

    The shapes are those of logits, target and weight, the kinds those of the last two. A call that
    is refused is refused every time: it has no plan to be kept.
    """
    key: Any = None
    plan: Plan | None = None
    if keep:
        try:
            values = _known_by((*options.values(), *hyper.values()))
            key = kernel, shapes, kinds, (*options, *hyper), values
            plan = _plans.get(key)
        except TypeError:  # a value that may change, or a size that is a symbol
            key = None
    if plan is None:
        plan = make_plan(
            kernel.hyperparameters,
            *shapes,
            target_kind=kinds[0],
            weight_kind=kinds[1],
            hyper=hyper,
            **options,
        )
        if key is not None:
            if len(_plans) >= MANY:
                _plans.clear()
            _plans[key] = plan
    return plan


def _known_by(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what no other values are equal to, though 1 == 1.0 == True and 0.0 == −0.0."""
    kinds = tuple(map(type, values))
    if not _PLAIN.issuperset(kinds):
        values = tuple(map(_member, values))
    return kinds, values, repr(values) if 0 in values else None


def _member(value: Any) -> Any:
    if type(value) in (tuple, list):
        return _known_by(tuple(value))
    if type(value) in _PLAIN:
        return value
    raise TypeError(f"{type(value)} may change")
