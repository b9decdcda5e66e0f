"""The ratios that are promised, and whether they are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.speed.subjects import CROSS_ENTROPY, KERAS, MODES
from benchmarks.speed.timing import Spread
from benchmarks.speed.workloads import CLASSES, SIZES
from unifocal_spec import LOSSES

Measure = Literal["time", "memory", "saved"]
Verdict = Literal["met", "missed", "not measured"]
NOT_MEASURED: Verdict = "not measured"
SERIES = "series"
"""In place of a workload: the figure is of all of them."""


@dataclass(frozen=True)
class Target:
    """A figure over a peer's or over the bytes of the logits, and its limit.

    Of several subjects it is the largest that counts.
    """

    title: str
    limit: float
    subjects: tuple[str, ...]
    peer: str | None = None
    measure: Measure = "time"
    workloads: tuple[str, ...] = ("kits19", "bus")
    series: bool = False
    """Whether it is the growth of the figure over the workloads that is limited."""
    quick: bool = True
    """Whether `--quick` measures it."""

    def verdict(self, figures: Mapping[str, Spread]) -> Verdict:
        """By the medians of all workloads that were measured."""
        if not figures:
            return NOT_MEASURED
        return "met" if all(f.median <= self.limit for f in figures.values()) else "missed"

    def named(self) -> Iterator[str]:
        """The subjects that have to be measured."""
        yield from self.subjects
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
        yield Target(title, 1.0, (f"{way}/unifocal.{ours}",), f"{way}/Keras.{theirs}")


def _family(title: str, way: str) -> Target:
    """Every other loss. What is not slower may still be measured some percent slower."""
    others = tuple(f"{way}/unifocal.{loss}" for loss in LOSSES if loss != "unified_focal")
    title = f"{title}, every other loss / `unified_focal`"
    return Target(title, 1.05, others, _unified(way), quick=False)


def _growing(title: str, way: str) -> Iterator[Target]:
    """Time may not grow faster than the logits, memory not by more than the gradient.

    Half as much again is left for caches that a large volume does not fit into, and a tenth for
    what an allocator rounds up to.
    """
    subjects = (_unified(way),)
    sizes, classes = tuple(SIZES), tuple(CLASSES)
    per_logit = "time of a logit, growth over"
    yield Target(
        f"{title}, {per_logit} 10⁴ … 10⁸ pixels", 1.5, subjects, workloads=sizes, series=True
    )
    yield Target(
        f"{title}, {per_logit} 2 … 64 classes", 1.5, subjects, workloads=classes, series=True
    )
    yield Target(
        *(f"{title}, peak memory for a further byte of logits, the gradient's included", 1.1),
        *(subjects, None, "memory", sizes, True),
    )


def _half(title: str, way: str) -> Target:
    """The gradient takes 1 of it, and a float32 copy of the volume alone would take 2."""
    title = f"{title}, extra peak memory for float16"
    return Target(title, 2.5, (_unified(way),), measure="memory", workloads=("half",))


WAYS = {
    "PyTorch eager": "torch/eager",
    "`torch.compile`": "torch/compile",
    "JAX `jit`": "jax/jit",
    "`tf.function`": "tensorflow/function",
    "TensorFlow XLA": "tensorflow/xla",
}
"""How users run a loss."""

EAGER, COMPILE, JIT, FUNCTION, XLA = ((_unified(way),) for way in WAYS.values())

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
    *(_half(*way) for way in WAYS.items()),
    *(_family(*way) for way in WAYS.items()),
    *(target for way in WAYS.items() for target in _growing(*way)),
)
"""Time is over the peer's; memory and what is saved are over the bytes of the logits."""
