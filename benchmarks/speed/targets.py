"""The ratios that are promised, and whether they are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.speed.subjects import CROSS_ENTROPY, KERAS, MODES
from benchmarks.speed.timing import Spread

Measure = Literal["time", "memory", "saved"]
Verdict = Literal["met", "missed", "not measured"]


@dataclass(frozen=True)
class Target:
    """One subject's figure, over a peer's or over the bytes of the logits, and its limit."""

    title: str
    limit: float
    subject: str
    peer: str | None = None
    measure: Measure = "time"
    workloads: tuple[str, ...] = ("kits19", "bus")

    def verdict(self, figures: Mapping[str, Spread]) -> Verdict:
        """By the medians of all workloads that were measured."""
        if not figures:
            return "not measured"
        return "met" if all(f.median <= self.limit for f in figures.values()) else "missed"

    def named(self) -> Iterator[str]:
        """The subjects that have to be measured."""
        yield self.subject
        if self.peer:
            yield self.peer


def _unified(way: str) -> str:
    """Unified Focal, which has the most to compute."""
    return f"{way}/unifocal.unified_focal"


def _keras(runtime: str) -> Iterator[Target]:
    way = f"{runtime}/{MODES[runtime][0]}"
    pairs = {
        "dice": "Dice",
        "tversky": "Tversky",
        "focal": "CategoricalFocalCrossentropy",
    }
    for ours, theirs in pairs.items():
        title = f"Keras on {runtime.removeprefix('keras-')}, `{ours}` / its own `{theirs}`"
        yield Target(title, 1.0, f"{way}/unifocal.{ours}", f"{way}/Keras.{theirs}")


EAGER, COMPILE, JIT = _unified("torch/eager"), _unified("torch/compile"), _unified("jax/jit")
FUNCTION, XLA = _unified("tensorflow/function"), _unified("tensorflow/xla")

TARGETS = (
    Target("PyTorch eager / `F.cross_entropy`", 1.8, EAGER, CROSS_ENTROPY["torch"]),
    Target("`torch.compile` / eager `F.cross_entropy`", 1.2, COMPILE, CROSS_ENTROPY["torch"]),
    Target("PyTorch eager / MONAI `DiceFocalLoss`", 0.25, EAGER, "torch/eager/MONAI.DiceFocalLoss"),
    Target("PyTorch eager / MONAI `DiceCELoss`", 0.75, EAGER, "torch/eager/MONAI.DiceCELoss"),
    Target("JAX `jit` / Optax cross-entropy", 1.8, JIT, CROSS_ENTROPY["jax"]),
    Target(
        "`tf.function` / `tf.nn` sparse cross-entropy", 1.8, FUNCTION, CROSS_ENTROPY["tensorflow"]
    ),
    Target(
        "TensorFlow XLA / the same under XLA", 3.0, XLA, "tensorflow/xla/TensorFlow.cross_entropy"
    ),
    *(target for runtime in KERAS for target in _keras(runtime)),
    Target(
        *("PyTorch eager / `F.cross_entropy`, one image of 8×8", 5.0),
        *(EAGER, CROSS_ENTROPY["torch"]),
        workloads=("tiny",),
    ),
    Target("PyTorch eager, extra peak memory", 1.6, EAGER, measure="memory"),
    Target("`torch.compile`, extra peak memory", 1.6, COMPILE, measure="memory"),
    Target("JAX `jit`, extra peak memory", 3.0, JIT, measure="memory"),
    Target("`tf.function`, extra peak memory", 3.0, FUNCTION, measure="memory"),
    Target("TensorFlow XLA, extra peak memory", 3.0, XLA, measure="memory"),
    Target("PyTorch eager, saved for backward beside the labels", 1.0, EAGER, measure="saved"),
    Target("`torch.compile`, saved for backward beside the labels", 1.0, COMPILE, measure="saved"),
)
"""Time is over the peer's; memory and what is saved are over the bytes of the logits."""
