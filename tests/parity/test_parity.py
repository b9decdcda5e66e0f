"""Every loss on every backend, eager and compiled, against 50-digit arithmetic."""

from functools import cache

import numpy as np
import pytest

from tests.cases import CASES, CHOICES, LOSSES, Case
from tests.parity.bounds import assert_gradient, assert_value
from unifocal.certificate import oracle
from unifocal.certificate.backends import Backend


@cache
def truth(loss: str, number: int) -> tuple[float, np.ndarray]:
    """The loss to 50 digits, from the naive oracle; computed once for all backends."""
    case = CASES[number]
    return oracle.value_and_grad(loss, *case.arrays(), **case.keywords(), **case.hyper(loss))


def by_loss(loss: str) -> pytest.param:
    """Tests of one loss run in one process, so that its truths are computed once."""
    return pytest.param(loss, marks=pytest.mark.xdist_group(loss))


@pytest.mark.parametrize("backend", Backend, ids=lambda b: b.name)
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
@pytest.mark.parametrize("loss", [by_loss(loss) for loss in LOSSES])
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
