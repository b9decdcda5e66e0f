"""What XLA compiles: the passes of a large `tf.function`, and all that is inside of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar

import tensorflow as tf
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

from unifocal.engine.switch import Switch
from unifocal_spec import Kernel, Plan

MANY = 1 << 18
"""Logits that are worth the second that it takes to compile."""

SAMPLES = 16
"""What a batch of unknown size is taken to hold."""

_switch = Switch("UNIFOCAL_XLA")

Result = TypeVar("Result")


def use_xla(enabled: bool | None) -> None:
    """Say whether XLA may compile in a `tf.function`: True, False, or None for `UNIFOCAL_XLA`.

    Without either it does on a processor; with True on accelerators too.

    >>> use_xla(False)
    >>> use_xla(None)
    """
    _switch.chosen = enabled


def on_processor() -> bool:
    """Whether there is no accelerator."""
    return not tf.config.list_logical_devices("GPU")


def in_xla() -> bool:
    """Whether XLA will compile what is being called."""
    return bool(GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()))


def fused(run: Callable[..., Result]) -> Callable[..., Result]:
    """Let XLA compile a pass, run(kernel, plan, logits, *arrays), over many pixels.

    One operation after the other takes up to three times as long, and more memory. An eager call is
    not compiled, nor are pixels of unknown number: each number would be compiled anew.
    """

    @wraps(run)
    def run_fused(kernel: Kernel, plan: Plan, z: tf.Tensor, *arrays: Any) -> Result:
        if not _compiles(z):
            return run(kernel, plan, z, *arrays)
        compiled = tf.function(partial(run, kernel, plan), jit_compile=True, autograph=False)
        result: Result = compiled(z, *arrays)
        return result

    return run_fused


def expected_size(z: tf.Tensor) -> int | None:
    """How many logits there will be, if it is known how many a sample has."""
    samples, *sizes = z.shape
    return None if None in sizes else math.prod(sizes) * (SAMPLES if samples is None else samples)


def _compiles(z: tf.Tensor) -> bool:
    if tf.executing_eagerly() or in_xla() or not tf.test.is_built_with_xla():
        return False
    many = (expected_size(z) or 0) >= MANY
    return many and bool(_switch) and (on_processor() or _switch.chosen is True)
