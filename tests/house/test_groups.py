"""Tests of a group run in one process, so that they share what takes long to make."""

import os

import pytest

pytestmark = pytest.mark.xdist_group("house")


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="there is one process only")
def test_the_group_is_part_of_the_name(request: pytest.FixtureRequest) -> None:
    """By it pytest-xdist groups tests; some versions of pytest let it say nothing."""
    assert request.node.nodeid.endswith("@house")
