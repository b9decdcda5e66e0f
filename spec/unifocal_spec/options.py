"""The keywords common to every loss: what they mean, checked once for all backends.

| keyword             | meaning                                                                  |
|---------------------|--------------------------------------------------------------------------|
| `axis`              | the class axis of `logits`; axis 0 is always the sample                  |
| `activation`        | "softmax" over `axis`, "sigmoid" per channel, or "none": probabilities   |
| `weight`            | weight ≥ 0 per pixel, broadcastable to the index shape; a mask is a weight |
| `ignore_index`      | pixels with this class index get weight 0                                |
| `class_weights`     | a weight ≥ 0 per class, for its pixel terms and in class averages        |
| `include_background`| whether class 0 counts in class averages (pixel terms keep it)           |
| `absent`            | "include" or "skip" classes that a region's target lacks in class averages |
| `over`              | "sample": every sample is a region; "batch": the batch is one region     |
| `reduction`         | "mean", "sum" or "none" over the samples                                 |
| `class_reduction`   | "mean" over classes, or "sum" as the paper prints                        |
| `smooth`            | s > 0, in pixels, added to both sides of the Tversky index               |
| `precision`         | "native": the logits' (float32 at least, and where little is left of    |
|                     | a difference, float64); "exact": float64, rounded once                   |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from unifocal_spec.definition import Hyperparameter, Number, _number

Activation = Literal["softmax", "sigmoid", "none"]
Absent = Literal["include", "skip"]
Over = Literal["sample", "batch"]
Reduction = Literal["mean", "sum", "none"]
ClassReduction = Literal["mean", "sum"]
Precision = Literal["native", "exact"]

CHOICES: dict[str, tuple[str, ...]] = {
    "activation": get_args(Activation),
    "absent": get_args(Absent),
    "over": get_args(Over),
    "reduction": get_args(Reduction),
    "class_reduction": get_args(ClassReduction),
    "precision": get_args(Precision),
}

Dimension = Any
"""A size: an int, None where it is not known yet (`tf.function`), or a symbolic integer."""


@dataclass(frozen=True)
class Plan:
    """Everything about one call that is known without looking at an array's values. Hashable."""

    axis: int
    """Class axis of the logits, counted from the front."""
    channels: int
    """Length of the class axis."""
    classes: int
    """Number of classes of a problem: `channels`, or 2 for each sigmoid channel."""
    activation: str
    index: bool
    """Whether the target holds class indices (else one value per class)."""
    squeeze: bool
    """Whether an index target still carries the class axis, of length 1."""
    ignore_index: int | None
    class_weights: tuple[float, ...]
    region_weights: tuple[float, ...]
    """`class_weights`, with 0 for a background left out of class averages."""
    absent: str
    over: str
    reduction: str
    class_reduction: str
    smooth: float
    precision: str
    hyper: tuple[tuple[str, Any], ...]
    """Resolved hyperparameters: floats, or one float or bool per class."""

    def arguments(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the resolved hyperparameters of these names."""
        values = dict(self.hyper)
        return {name: values[name] for name in names}


def _same(a: Dimension, b: Dimension) -> bool:
    return a is None or b is None or a == b


def _fits(weight: Dimension, size: Dimension) -> bool:
    return _same(weight, size) or weight == 1


def _check_choices(**chosen: Any) -> None:
    for name, value in chosen.items():
        if value not in CHOICES[name]:
            raise ValueError(f"{name} must be one of {CHOICES[name]}, got {value!r}")


def _normalise_axis(axis: Any, shape: Sequence[Dimension]) -> int:
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise TypeError(f"axis must be an int, got {axis!r}")
    ndim = len(shape)
    if ndim < 2:
        raise ValueError(
            f"logits must have a sample axis and a class axis, got shape {tuple(shape)}"
        )
    if not -ndim <= axis < ndim or axis % ndim == 0:
        raise ValueError(
            f"axis must name the class axis of logits with shape {tuple(shape)} and differ from "
            f"the sample axis 0, got {axis}; add a leading axis to a single sample"
        )
    return axis % ndim


def _resolve_class_weights(class_weights: Any, classes: int) -> tuple[float, ...]:
    if class_weights is None:
        return (1.0,) * classes
    if not isinstance(class_weights, Iterable):
        raise TypeError(
            f"class_weights must be a sequence of {classes} numbers, got {class_weights!r}"
        )
    weights = tuple(_number("class_weights", w) for w in class_weights)
    if len(weights) != classes or min(weights) < 0:
        raise ValueError(
            f"class_weights must be {classes} numbers >= 0, one per class, got {class_weights!r}"
        )
    return weights


def make_plan(
    hyperparameters: Mapping[str, Hyperparameter],
    logits_shape: Sequence[Dimension],
    target_shape: Sequence[Dimension],
    weight_shape: Sequence[Dimension] | None,
    *,
    target_kind: str,
    weight_kind: str = "float",
    axis: int,
    activation: str,
    ignore_index: int | None,
    class_weights: Sequence[float] | None,
    include_background: bool,
    absent: str,
    over: str,
    reduction: str,
    class_reduction: str,
    smooth: float,
    precision: str,
    hyper: Mapping[str, Any],
) -> Plan:
    """Check shapes, dtypes and keywords of one call; every complaint names the argument.

    A kind is "integer", "bool" or "float", or the name of any other dtype.
    """
    for name, kind in (("target", target_kind), ("weight", weight_kind)):
        if kind not in ("integer", "bool", "float"):
            raise TypeError(
                f"{name} must have an integer, bool or floating-point dtype, got {kind}"
            )
    labels = target_kind != "float"
    _check_choices(
        activation=activation,
        absent=absent,
        over=over,
        reduction=reduction,
        class_reduction=class_reduction,
        precision=precision,
    )
    if not isinstance(include_background, bool):
        raise TypeError(f"include_background must be a bool, got {include_background!r}")
    if _number("smooth", smooth) <= 0:
        raise ValueError(
            f"smooth must be > 0 (a class neither present nor predicted is 0/0 without it), "
            f"got {smooth!r}"
        )
    if ignore_index is not None and (
        isinstance(ignore_index, bool) or not isinstance(ignore_index, int)
    ):
        raise TypeError(f"ignore_index must be an int or None, got {ignore_index!r}")

    axis = _normalise_axis(axis, logits_shape)
    channels = logits_shape[axis]
    if channels is None:
        raise ValueError(f"the class axis {axis} of logits must have a known size")
    sigmoid = activation == "sigmoid"
    if channels < (1 if sigmoid else 2):
        raise ValueError(
            f"logits must have at least {1 if sigmoid else 2} channels along axis {axis} for "
            f"activation={activation!r}, got shape {tuple(logits_shape)}"
            + ('; use activation="sigmoid" for one channel' if channels == 1 else "")
        )
    classes = 2 if sigmoid else int(channels)

    index_shape = tuple(logits_shape[:axis]) + tuple(logits_shape[axis + 1 :])
    has_class_axis = len(target_shape) == len(logits_shape)
    wanted = logits_shape if has_class_axis else index_shape
    if len(target_shape) != len(wanted) or not all(map(_same, target_shape, wanted)):
        raise ValueError(
            f"target must have shape {index_shape} (class indices) or {tuple(logits_shape)} "
            f"(values per class) for logits of shape {tuple(logits_shape)} with axis={axis}, "
            f"got {tuple(target_shape)}"
        )
    squeeze = has_class_axis and sigmoid and channels == 1 and labels
    index = not has_class_axis or squeeze
    if index and not labels:
        raise TypeError(
            "target of the index shape must have an integer or bool dtype, got floats; values per "
            f"class need the shape of logits, {tuple(logits_shape)}"
        )
    if index and sigmoid and channels > 1:
        raise ValueError(
            f"target must have the shape of logits, {tuple(logits_shape)}, for sigmoid with "
            f"{channels} channels: a class index does not say what each channel is"
        )
    if ignore_index is not None and not index:
        raise ValueError(
            "ignore_index needs a target of class indices; for values per class give weight=0"
        )
    if weight_shape is not None:
        padded = (1,) * (len(index_shape) - len(weight_shape)) + tuple(weight_shape)
        if len(padded) != len(index_shape) or not all(map(_fits, padded, index_shape)):
            raise ValueError(
                f"weight must be broadcastable to {index_shape}, got shape {tuple(weight_shape)}"
            )

    weights = _resolve_class_weights(class_weights, classes)
    region_weights = weights if include_background else (0.0, *weights[1:])
    if unknown := sorted(set(hyper) - set(hyperparameters)):
        raise TypeError(
            f"unknown keyword {unknown[0]!r}; hyperparameters are {sorted(hyperparameters)}"
        )
    resolved = tuple(
        (name, h.resolve(name, hyper.get(name, h.default), classes))
        for name, h in hyperparameters.items()
    )
    return Plan(
        axis=axis,
        channels=int(channels),
        classes=classes,
        activation=activation,
        index=index,
        squeeze=squeeze,
        ignore_index=ignore_index,
        class_weights=weights,
        region_weights=region_weights,
        absent=absent,
        over=over,
        reduction=reduction,
        class_reduction=class_reduction,
        smooth=float(smooth),
        precision=precision,
        hyper=resolved,
    )


def check_early(hyperparameters: Mapping[str, Hyperparameter], keywords: Mapping[str, Any]) -> None:
    """Check what can be checked before any array is seen: choices and plain numbers."""
    _check_choices(**{k: v for k, v in keywords.items() if k in CHOICES})
    for name, h in hyperparameters.items():
        if isinstance(h, Number):
            h.resolve(name, keywords[name], 2)
