"""Every loss on every backend, eager and compiled, against 50-digit arithmetic."""

from functools import cache

import numpy as np
import pytest

from tests.cases import CASES, CHOICES, FEW, FEWEST, LOSSES, Case
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate import oracle
from unifocal.certificate.backends import Backend


@cache
def truth(loss: str, number: int) -> tuple[float, np.ndarray]:
    """The loss to 50 digits, from the naive oracle; computed once for all backends."""
    case = CASES[number]
    return oracle.value_and_grad(loss, *case.arrays(), **case.keywords(), **case.hyper(loss))


CALLS = [
    pytest.param(
        loss,
        case,
        backend,
        id=f"{loss}-{case.name}-{backend.name}",
        marks=pytest.mark.xdist_group(loss),  # in one process, so that a truth is computed once
    )
    for loss in LOSSES
    for case in CASES
    for backend in Backend
    if not backend.compiles
    # JAX always compiles its functions; the rest does so because a user compiles what is around.
    or (loss, case.name) in (FEW if backend.mode == "eager" else FEWEST)
]


@pytest.mark.parametrize(("loss", "case", "backend"), CALLS)
def test_value_and_gradient(loss: str, case: Case, backend: Backend) -> None:
    value, gradient = backend.value_and_grad(
        loss, *case.arrays(), **case.keywords(), **case.hyper(loss)
    )
    wanted_value, wanted_gradient = truth(loss, CASES.index(case))
    assert_value(value, wanted_value, case.dtype)
    assert_gradient(gradient, wanted_gradient, case.dtype)


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_occurs(name: str) -> None:
    found = {str(case.choices[name]) for case in CASES}
    assert found == {str(choice) for choice in CHOICES[name]}


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_occurs_with_every_loss_where_calls_are_few(name: str) -> None:
    found = {
        (loss, str(c.choices[name])) for loss in LOSSES for c in CASES if (loss, c.name) in FEW
    }
    assert found == {(loss, str(choice)) for loss in LOSSES for choice in CHOICES[name]}


def test_every_case_occurs_where_calls_are_few() -> None:
    assert {case for _, case in FEW} == {case.name for case in CASES}


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_and_loss_occurs_where_calls_are_fewest(name: str) -> None:
    names = {case for _, case in FEWEST}
    found = {str(case.choices[name]) for case in CASES if case.name in names}
    assert found == {str(choice) for choice in CHOICES[name]}
    assert {loss for loss, _ in FEWEST} == set(LOSSES)
