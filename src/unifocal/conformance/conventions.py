"""What implementations of these losses do differently: one table of named dimensions.

A dimension sets some fields of a reading (`reading.py`). Its first choice is ours; the others are
what is seen elsewhere. To search for one more convention, add a choice, or a dimension, here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from unifocal.conformance.reading import PixelReading, RegionReading, Shares

Part = type[PixelReading] | type[RegionReading] | type[Shares]
Combination = dict[str, "Choice"]
"""A choice for every dimension, by the dimension's name."""


@dataclass(frozen=True)
class Setting:
    """What a convention may depend on."""

    hyper: Mapping[str, Any]
    """Hyperparameters of one part of the loss, without prefix."""
    classes: int
    """Classes of one problem: 2 for a sigmoid channel."""
    smooth: float | None
    """`smooth`, where the implementation takes it."""

    def __getitem__(self, name: str) -> Any:
        return self.hyper[name]

    def spread(self, background: float, others: float) -> tuple[float, ...]:
        """One number for class 0, another for every other class."""
        return (background, *(others,) * (self.classes - 1))


Fields = Callable[[Setting], dict[str, Any]]


@dataclass(frozen=True)
class Choice:
    """One way to settle a dimension."""

    name: str
    fields: Fields
    """The fields of the reading that it sets."""
    keywords: Mapping[str, Any] = field(default_factory=dict)
    """The options with which our loss does the same."""


@dataclass(frozen=True)
class Dimension:
    """Something that implementations settle differently; the first choice is ours."""

    name: str
    part: Part
    losses: frozenset[str]
    choices: tuple[Choice, ...]


def _set(**fields: Any) -> Fields:
    return lambda _: fields


def _dimension(name: str, part: Part, losses: str, *choices: Choice) -> Dimension:
    return Dimension(name, part, frozenset(losses.split()), choices)


# Pixel parts -----------------------------------------------------------------------------------


def _factors(weight: str) -> tuple[Choice, ...]:
    """How one number weighs the classes."""
    return (
        Choice(
            f"1 - {weight} for class 0, {weight} for the others",
            lambda h: {"factor": h.spread(1 - h[weight], h[weight])},
        ),
        Choice(
            f"{weight} for class 0, 1 - {weight} for the others",
            lambda h: {"factor": h.spread(h[weight], 1 - h[weight])},
        ),
        Choice(
            f"{weight} for every class",
            lambda h: {"factor": h.spread(h[weight], h[weight])},
        ),
        Choice("1 for every class", lambda h: {"factor": h.spread(1.0, 1.0)}),
    )


_FIXED_FACTOR = Choice("1 for every class", lambda h: {"factor": h.spread(1.0, 1.0)})
_NO_FOCUSING = Choice("none", lambda h: {"focusing": h.spread(0.0, 0.0)})

_PIXELS = (
    Choice("mean over pixels", _set(pixels="mean")),
    Choice("mean over pixels × classes", _set(pixels="mean over classes too")),
    Choice("sum over pixels", _set(pixels="sum")),
    Choice("sum over pixels, mean over samples", _set(pixels="sum, mean over samples")),
    Choice(
        "mean over pixels, sum over samples",
        _set(pixels="mean, sum over samples"),
        {"reduction": "sum"},
    ),
    Choice("divided by the sum of the class factors", _set(pixels="divided by factors")),
)

_PIXEL = (
    _dimension("class factor", PixelReading, "focal hybrid_focal", *_factors("alpha")),
    _dimension("class factor", PixelReading, "combo", *_factors("beta")),
    _dimension("class factor", PixelReading, "asymmetric_focal unified_focal", *_factors("delta")),
    _dimension("class factor", PixelReading, "cross_entropy", _FIXED_FACTOR),
    _dimension(
        "exponent of 1 - p",
        PixelReading,
        "focal hybrid_focal",
        Choice("gamma", lambda h: {"focusing": h.spread(h["gamma"], h["gamma"])}),
        Choice("1 - gamma", lambda h: {"focusing": h.spread(1 - h["gamma"], 1 - h["gamma"])}),
        Choice("1/gamma", lambda h: {"focusing": h.spread(1 / h["gamma"], 1 / h["gamma"])}),
        _NO_FOCUSING,
    ),
    _dimension(
        "exponent of 1 - p",
        PixelReading,
        "asymmetric_focal unified_focal",
        Choice("gamma on class 0", lambda h: {"focusing": h.spread(h["gamma"], 0.0)}),
        Choice("gamma on every class", lambda h: {"focusing": h.spread(h["gamma"], h["gamma"])}),
        Choice("gamma on all but class 0", lambda h: {"focusing": h.spread(0.0, h["gamma"])}),
        Choice("1 - gamma on class 0", lambda h: {"focusing": h.spread(1 - h["gamma"], 0.0)}),
        _NO_FOCUSING,
    ),
    _dimension("exponent of 1 - p", PixelReading, "cross_entropy combo", _NO_FOCUSING),
    _dimension(
        "pixels",
        PixelReading,
        "cross_entropy focal combo hybrid_focal asymmetric_focal unified_focal",
        *_PIXELS,
    ),
)

# Region parts ----------------------------------------------------------------------------------

_SYMMETRIC = "dice combo tversky focal_tversky hybrid_focal"
_ASYMMETRIC = "asymmetric_focal_tversky unified_focal"
_REGION_LOSSES = f"{_SYMMETRIC} {_ASYMMETRIC}"


def _errors(name: str, false_positives: Any, false_negatives: Any) -> Choice:
    """What multiplies FP and FN, as functions of the setting."""
    return Choice(
        name,
        lambda h: {"false_positives": false_positives(h), "false_negatives": false_negatives(h)},
    )


def _power(name: str, background: Any, others: Any) -> Choice:
    """The exponents of 1 - TI of class 0 and of the others, as functions of γ."""
    return Choice(name, lambda h: {"power": h.spread(background(h["gamma"]), others(h["gamma"]))})


def _one(gamma: float) -> float:
    return 1.0


def _same(gamma: float) -> float:
    return gamma


def _inverse(gamma: float) -> float:
    return 1 / gamma


def _rest(gamma: float) -> float:
    return 1 - gamma


_NO_POWER = Choice("none", lambda h: {"power": h.spread(1.0, 1.0)})

_CLASSES = (
    Choice("mean over all classes", _set(classes="mean")),
    Choice("sum over all classes", _set(classes="sum"), {"class_reduction": "sum"}),
    Choice("mean without class 0", _set(classes="foreground"), {"include_background": False}),
    Choice("class 1 alone", _set(classes="first")),
)
_POOLED = Choice("none: the sums run over all classes", _set(classes="pooled"))

OWN_SMOOTH = (
    Choice("1e-05 above and below", _set(above=1e-5, below=1e-5)),
    Choice("none, or too little below alone to show", _set(above=0.0, below=0.0)),
    *(
        Choice(f"{s:g} above and below", _set(above=s, below=s), {"smooth": s})
        for s in (1e-8, 5e-8, 1e-7, 5e-7, 1e-6, 5e-6, 5e-5, 1e-4, 5e-4, 1e-3, 0.5, 1.0)
    ),
    *(Choice(f"{s:g} below alone", _set(above=0.0, below=s)) for s in (1e-3, 0.5, 1.0)),
)
"""How an implementation smooths that takes no `smooth`. In the common way to write Dice,
(2 TP + s) / (Σ p + Σ t + s), the same s is half as much as here."""

GIVEN_SMOOTH = (
    Choice("smooth above and below", lambda h: {"above": h.smooth, "below": h.smooth}),
    Choice("smooth/2 above and below", lambda h: {"above": _half(h), "below": _half(h)}),
    Choice("smooth below alone", lambda h: {"above": 0.0, "below": h.smooth}),
    Choice("smooth/2 below alone", lambda h: {"above": 0.0, "below": _half(h)}),
    Choice("none, or too little to show", _set(above=0.0, below=0.0)),
)
"""How one smooths that does."""


def _half(h: Setting) -> float:
    assert h.smooth is not None
    return h.smooth / 2


_REGION = (
    _dimension(
        "false positives weighed by",
        RegionReading,
        "tversky focal_tversky hybrid_focal",
        _errors("alpha", lambda h: h["alpha"], lambda h: h["beta"]),
        _errors("beta", lambda h: h["beta"], lambda h: h["alpha"]),
    ),
    _dimension(
        "false positives weighed by",
        RegionReading,
        _ASYMMETRIC,
        _errors("1 - delta", lambda h: 1 - h["delta"], lambda h: h["delta"]),
        _errors("delta", lambda h: h["delta"], lambda h: 1 - h["delta"]),
    ),
    _dimension(
        "false positives and negatives weighed by",
        RegionReading,
        "dice combo",
        _errors("1/2: Dice", lambda _: 0.5, lambda _: 0.5),
        _errors("1: Jaccard", lambda _: 1.0, lambda _: 1.0),
    ),
    _dimension(
        "exponent of 1 - TI",
        RegionReading,
        "focal_tversky hybrid_focal",
        _power("1/gamma", _inverse, _inverse),
        _power("gamma", _same, _same),
        _power("1 - gamma", _rest, _rest),
        _NO_POWER,
    ),
    _dimension(
        "exponent of 1 - TI",
        RegionReading,
        _ASYMMETRIC,
        _power("1 - gamma on all but class 0", _one, _rest),
        _power("gamma on all but class 0", _one, _same),
        _power("1/gamma on all but class 0", _one, _inverse),
        _power("1 - gamma on every class", _rest, _rest),
        _power("gamma on every class", _same, _same),
        _NO_POWER,
    ),
    _dimension("exponent of 1 - TI", RegionReading, "dice combo tversky", _NO_POWER),
    _dimension(
        "what the exponent is of",
        RegionReading,
        "focal_tversky hybrid_focal",
        Choice("each class", _set(power_of="each class")),
        Choice("the mean over classes", _set(power_of="the mean")),
    ),
    _dimension(
        "what the exponent is of",
        RegionReading,
        f"dice combo tversky {_ASYMMETRIC}",
        Choice("each class", _set(power_of="each class")),
    ),
    _dimension(
        "sums of",
        RegionReading,
        _REGION_LOSSES,
        Choice("p and t", _set(squared=False)),
        Choice("p squared and t squared", _set(squared=True)),
    ),
    _dimension(
        "region",
        RegionReading,
        _REGION_LOSSES,
        Choice("each sample, mean over samples", _set(regions="sample")),
        Choice(
            "each sample, sum over samples", _set(regions="sample, summed"), {"reduction": "sum"}
        ),
        Choice("the whole batch", _set(regions="batch"), {"over": "batch"}),
    ),
    _dimension("classes", RegionReading, _SYMMETRIC, *_CLASSES, _POOLED),
    _dimension("classes", RegionReading, _ASYMMETRIC, *_CLASSES),
    _dimension(
        "a class that the target lacks",
        RegionReading,
        _REGION_LOSSES,
        Choice("counts", _set(absent="include")),
        Choice("is left out of the mean", _set(absent="skip"), {"absent": "skip"}),
        Choice("counts as 0", _set(absent="zero")),
    ),
    _dimension(
        "Dice enters as",
        RegionReading,
        "combo",
        Choice("minus the index", _set(offset=1.0)),
        Choice("1 minus the index", _set(offset=0.0)),
    ),
)

# Both parts ------------------------------------------------------------------------------------


def _balance(weight: str, first: str, second: str) -> tuple[Choice, ...]:
    return (
        Choice(first, lambda h: {"pixel": h[weight], "region": 1 - h[weight]}),
        Choice(second, lambda h: {"pixel": 1 - h[weight], "region": h[weight]}),
        Choice("neither: both count in full", _set(pixel=1.0, region=1.0)),
    )


_SHARES = (
    _dimension(
        "lam weighs",
        Shares,
        "hybrid_focal unified_focal",
        *_balance("lam", "the pixel part", "the region part"),
    ),
    _dimension("alpha weighs", Shares, "combo", *_balance("alpha", "cross-entropy", "Dice")),
    _dimension(
        "parts",
        Shares,
        "cross_entropy focal asymmetric_focal",
        Choice("pixels alone", _set(pixel=1.0, region=0.0)),
    ),
    _dimension(
        "parts",
        Shares,
        "dice tversky focal_tversky asymmetric_focal_tversky",
        Choice("regions alone", _set(pixel=0.0, region=1.0)),
    ),
)


def dimensions(loss: str, part: Part, gives_smooth: bool) -> list[Dimension]:
    """Return the dimensions of one part of a loss; empty where it lacks the part."""
    smooth = Dimension(
        "smoothing",
        RegionReading,
        frozenset(_REGION_LOSSES.split()),
        GIVEN_SMOOTH if gives_smooth else OWN_SMOOTH,
    )
    table = (*_PIXEL, *_REGION, smooth, *_SHARES)
    return [d for d in table if d.part is part and loss in d.losses]


def _says_the_same(names: Mapping[str, str], classes: int, sigmoid: bool) -> bool:
    """Whether a combination gives the numbers of another one, which is listed instead."""
    average = names.get("classes", "")
    one_class = average == "class 1 alone" or (classes == 2 and average == "mean without class 0")
    pooled = average == _POOLED.name
    absent = names.get("a class that the target lacks", "")
    power = names.get("exponent of 1 - TI", "")
    of_mean = names.get("what the exponent is of") == "the mean over classes"
    factor, pixels = names.get("class factor", ""), names.get("pixels", "")
    return any(
        (
            average == "class 1 alone" and classes == 2,
            pooled and (sigmoid or of_mean or absent != "counts"),
            one_class and (of_mean or absent == "is left out of the mean"),
            average == "sum over all classes" and absent == "counts as 0",
            (one_class or average == "mean without class 0") and power.endswith("on every class"),
            of_mean and power == "none",
            factor.endswith("every class") and pixels == "divided by the sum of the class factors",
            sigmoid and pixels == "mean over pixels × classes",
        )
    )


def combinations(
    loss: str, part: Part, gives_smooth: bool, classes: int, sigmoid: bool
) -> Iterator[Combination]:
    """Yield every combination of one part's conventions, ours first; none that repeats another."""
    table = dimensions(loss, part, gives_smooth)
    for choices in itertools.product(*(d.choices for d in table)):
        combination = {d.name: choice for d, choice in zip(table, choices, strict=True)}
        names = {name: choice.name for name, choice in combination.items()}
        if table and not _says_the_same(names, classes, sigmoid):
            yield combination


def read(part: Part, combination: Combination, setting: Setting) -> Any:
    """Return the reading that a combination of conventions makes."""
    fields: dict[str, Any] = {}
    for choice in combination.values():
        fields |= choice.fields(setting)
    return part(**fields)
