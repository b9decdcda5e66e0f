"""One process holds all frameworks: PyTorch first, TensorFlow last, and no log noise."""

import contextlib
import gc
import os
import sys
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# PyTorch's tests are of its tensor code; those of Numba's kernels ask for them. With 1 all do.
os.environ.setdefault("UNIFOCAL_NUMBA", "0")

try:
    import torch
except ModuleNotFoundError:
    pass
else:
    torch.set_num_threads(1)  # pytest-xdist uses the other cores
    with contextlib.suppress(ModuleNotFoundError):
        import triton  # noqa: F401 - as torch.compile would, but after TensorFlow it crashes

import pytest

from unifocal import MissingFrameworkError
from unifocal.certificate import backends

pytest.register_assert_rewrite("tests.backends.kernel_checks")
backends.TORCH_COMPILER = "aot_eager"  # a second of tracing, not a minute of compiling C++


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Iterator[None]:
    """Skip a test whose framework is not installed."""
    try:
        return (yield)
    except MissingFrameworkError as error:
        pytest.skip(str(error))


_RELEASE_EVERY = 100
_tests_run = 0


def pytest_runtest_teardown() -> None:
    """Let go of compiled programs now and then: thousands of them fill the memory."""
    global _tests_run
    _tests_run += 1
    if _tests_run % _RELEASE_EVERY:
        return
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    if "torch._dynamo" in sys.modules:
        sys.modules["torch._dynamo"].reset()
    gc.collect()
