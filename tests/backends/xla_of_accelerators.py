"""Compile TensorFlow's losses as XLA does for accelerators, and print the optimised programs.

A process of its own: XLA reads its flags once. A processor alone hands reductions to YNNPACK, whose
order of axes needs a copy of the logits.
"""

from __future__ import annotations

import importlib
import json
import os

from tests.backends.arrays import NAMES

PIXELS = 1 << 14

if __name__ == "__main__":
    os.environ["XLA_FLAGS"] = "--xla_cpu_experimental_ynn_fusion_type="
    import tensorflow as tf

    import unifocal_tensorflow as ut

    importlib.import_module("unifocal_tensorflow.engine")._on_processor = lambda: False

    def program(name: str, axis: int) -> str:
        """The HLO of value and gradient."""

        def both(z: tf.Tensor, t: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(z)
                value = getattr(ut, name)(z, t, axis=axis)
            return value, tape.gradient(value, z)

        z = tf.zeros((2, 3, PIXELS) if axis == 1 else (2, PIXELS, 3))
        compiled = tf.function(both, jit_compile=True)
        t = tf.zeros((2, PIXELS), tf.int32)
        return compiled.experimental_get_compiler_ir(z, t)(stage="optimized_hlo")

    print(json.dumps({f"{name} {axis}": program(name, axis) for name in NAMES for axis in (-1, 1)}))
