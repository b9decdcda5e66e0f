"""The front door is the same on every framework: one fixture, float64 everywhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.precision import EAGER, float64
from unifocal.certificate.backends import Backend


@pytest.fixture(params=EAGER, ids=lambda backend: backend.framework)
def backend(request) -> Iterator[Backend]:
    with float64(request.param):
        yield request.param
