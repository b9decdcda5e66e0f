"""Plans are kept from call to call, and yet every call gets its own, or its own complaint."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cases import LOSSES
from unifocal.engine import plans
from unifocal_numpy.losses import KERNELS
from unifocal_spec import OPTIONS, Plan

SHAPES = (2, 3, 4), (2, 4), None
KINDS = "integer", "float"


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "_plans", {})


def split(loss: str, keywords: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    given = {name: h.default for name, h in KERNELS[loss].hyperparameters.items()} | keywords
    options = {k: given.pop(k, v) for k, v in OPTIONS.items() if k != "weight"}
    return options, given


def plan(loss: str = "unified_focal", shapes: Any = SHAPES, **keywords: Any) -> Plan:
    options, hyper = split(loss, keywords)
    return plans.plan_of(KERNELS[loss], shapes, KINDS, hyper, options)


def made(loss: str = "unified_focal", **keywords: Any) -> Plan:
    options, hyper = split(loss, keywords)
    return plans.plan_of(KERNELS[loss], SHAPES, KINDS, hyper, options, keep=False)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_call_seen_before_has_the_same_plan(loss: str) -> None:
    assert plan(loss) == made(loss)
    assert plan(loss) is plan(loss)


def test_one_loss_has_not_the_plan_of_another() -> None:
    assert plan("dice") is not plan("cross_entropy")


@pytest.mark.parametrize("given", [[1.0, 2.0, 3], (1.0, 2.0, 3)], ids=["list", "tuple"])
def test_numbers_in_a_sequence_are_kept(given: Any) -> None:
    assert plan(class_weights=given) == made(class_weights=given)
    assert plan(class_weights=given) is plan(class_weights=type(given)(given))


ACCEPTED_AND_REFUSED: list[tuple[str, Any, Any]] = [
    ("axis", 1, True),
    ("axis", 1, 1.0),
    ("include_background", True, 1),
    ("include_background", False, 0.0),
    ("ignore_index", 1, True),
    ("ignore_index", 1, 1.0),
    ("ignore_index", 0, False),
    ("smooth", 1, True),
    ("gamma", 1, True),
    ("gamma", 0.0, False),
    ("class_weights", [1, 0, 1], [True, 0, 1]),
    ("class_weights", (1, 0.0, 1), (1, False, 1)),
    ("rare", [1], [True]),
    ("rare", (1,), (1.0,)),
    ("rare", frozenset({1}), frozenset({True})),
]


@pytest.mark.parametrize(("name", "accepted", "refused"), ACCEPTED_AND_REFUSED, ids=str)
def test_what_is_refused_is_refused_after_an_equal(name: str, accepted: Any, refused: Any) -> None:
    assert accepted == refused
    for _ in range(2):
        assert plan(**{name: accepted}) == made(**{name: accepted})
        with pytest.raises((TypeError, ValueError)) as wanted:
            made(**{name: refused})
        with pytest.raises(wanted.type) as found:
            plan(**{name: refused})
        assert str(found.value) == str(wanted.value)


def test_the_sign_of_zero_is_that_of_the_call() -> None:
    for zero in (0.0, -0.0, 0.0):
        found = plan(class_weights=[zero, 1, 1], gamma=zero)
        assert math.copysign(1, found.class_weights[0]) == math.copysign(1, zero)
        assert math.copysign(1, dict(found.hyper)["gamma"]) == math.copysign(1, zero)


@pytest.mark.parametrize(
    ("shapes", "kinds", "complaint"),
    [
        (((2, 3, 4), (2, 5), None), KINDS, "target must have shape"),
        (((2, 3, 4), (2, 4), (5,)), KINDS, "weight must be broadcastable"),
        (SHAPES, ("float", "float"), "target of the index shape must have an integer"),
        (SHAPES, ("integer", "complex64"), "weight must have an integer"),
    ],
    ids=["target", "weight", "dtype of target", "dtype of weight"],
)
def test_arrays_are_looked_at_in_every_call(shapes: Any, kinds: Any, complaint: str) -> None:
    plan()
    options, hyper = split("unified_focal", {})
    for _ in range(2):
        with pytest.raises((TypeError, ValueError), match=complaint):
            plans.plan_of(KERNELS["unified_focal"], shapes, kinds, hyper, options)


def test_hyperparameters_are_known_by_name() -> None:
    """A custom loss' come in the order in which the call gives them."""
    kernel, (options, _) = KERNELS["tversky"], split("tversky", {})
    for hyper in ({"alpha": 0.3, "beta": 0.7}, {"beta": 0.3, "alpha": 0.7}):
        found = plans.plan_of(kernel, SHAPES, KINDS, hyper, options)
        assert dict(found.hyper) == hyper


def test_a_list_that_has_changed_is_another() -> None:
    weights = [1.0, 1.0, 1.0]
    plan(class_weights=weights)
    weights[0] = 2.0
    assert plan(class_weights=weights).class_weights == (2.0, 1.0, 1.0)


def test_an_iterator_is_read_by_its_own_call() -> None:
    """Nothing is left of it for the next, as nothing ever was."""

    def members() -> Iterator[int]:
        yield 2

    rare = members()
    assert dict(plan(rare=rare).hyper)["rare"] == (False, False, True)
    assert dict(plan(rare=rare).hyper)["rare"] == (False, False, False)


class Symbol(int):
    """A size that nothing may be kept by, like those of a compiler."""

    __hash__ = None  # type: ignore[assignment]


def test_a_size_that_is_a_symbol_is_not_kept() -> None:
    shapes = (Symbol(2), 3, 4), (Symbol(2), 4), None
    assert plan(shapes=shapes) == made()
    assert not plans._plans


def test_so_many_plans_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "MANY", 3)
    for n in range(10):
        plan(shapes=((n, 3, 4), (n, 4), None))
        assert 0 < len(plans._plans) <= 3
