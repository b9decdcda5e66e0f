"""A convention that somebody else follows is found and named, and no other is."""

from __future__ import annotations

from typing import Any

import pytest

import unifocal as uf
from tests.conformance import implementations as theirs
from unifocal import conformance
from unifocal_spec import LOSSES

SIGMOID = {"activation": "sigmoid per channel"}
DEPARTURES: list[tuple[Any, str, dict[str, str]]] = [
    (theirs.cross_entropy_sum, "cross_entropy", {"pixels": "sum over pixels"}),
    (
        theirs.cross_entropy_over_classes,
        "cross_entropy",
        {"pixels": "mean over pixels × classes"},
    ),
    (theirs.clipped_cross_entropy, "cross_entropy", {"logits of ±20": "6.447 instead of 16"}),
    (theirs.focal_same_alpha, "focal", {"class factor": "alpha for every class"}),
    (
        theirs.focal_swapped_alpha,
        "focal",
        {"class factor": "alpha for class 0, 1 - alpha for the others"},
    ),
    (theirs.focal_one_minus_gamma, "focal", {"exponent of 1 - p": "1 - gamma"}),
    (theirs.sigmoid_focal, "focal", SIGMOID),
    (theirs.swapped_tversky, "tversky", {"false positives weighed by": "beta"}),
    (theirs.focal_tversky_gamma, "focal_tversky", {"exponent of 1 - TI": "gamma"}),
    (
        theirs.focal_tversky_of_the_mean,
        "focal_tversky",
        {"what the exponent is of": "the mean over classes"},
    ),
    (theirs.dice_smooth_one, "dice", {"smoothing": "1 above and below"}),
    (theirs.dice_half_of_its_smooth, "dice", {"smoothing": "smooth/2 above and below"}),
    (theirs.dice_of_squares, "dice", {"sums of": "p squared and t squared"}),
    (theirs.jaccard, "dice", {"false positives and negatives weighed by": "1: Jaccard"}),
    (theirs.batch_dice, "dice", {"region": "the whole batch"}),
    (theirs.pooled_dice, "dice", {"classes": "none: the sums run over all classes"}),
    (theirs.foreground_dice, "dice", {"classes": "mean without class 0"}),
    (theirs.class_one_dice, "dice", {"classes": "class 1 alone"}),
    (theirs.summed_dice, "dice", {"classes": "sum over all classes"}),
    (theirs.absent_as_zero_dice, "dice", {"a class that the target lacks": "counts as 0"}),
    (
        theirs.absent_left_out_dice,
        "dice",
        {"a class that the target lacks": "is left out of the mean"},
    ),
    (theirs.dice_of_probabilities_last, "dice", {"input": "probabilities"}),
    (theirs.two_class_dice, "dice", {"number of classes": "2 alone"}),
    (theirs.unified_lam_on_region, "unified_focal", {"lam weighs": "the region part"}),
    (
        theirs.unified_delta_swapped,
        "unified_focal",
        {
            "class factor": "delta for class 0, 1 - delta for the others",
            "false positives weighed by": "delta",
        },
    ),
    (theirs.combo_plus_dice_loss, "combo", {"Dice enters as": "1 minus the index"}),
]


@pytest.mark.parametrize(
    ("function", "loss", "wanted"), DEPARTURES, ids=lambda x: getattr(x, "__name__", None)
)
def test_every_departure_is_named(function: Any, loss: str, wanted: dict[str, str]) -> None:
    report = conformance.inspect(function, loss)
    assert report.fits
    assert {f.dimension: f.found for f in report.departures} == wanted
    assert report.deviation < 1e-6
    assert not report.conforms


@pytest.mark.parametrize("loss", LOSSES)
def test_our_own_losses_conform(loss: str) -> None:
    report = conformance.inspect(getattr(uf, loss), loss)
    assert report.conforms
    assert report.departures == ()
    assert report.count("failed") == report.count("not asked") == 0
    assert report.count("passed") > 25


def test_a_gradient_is_held_to_the_golden_one() -> None:
    ours = uf.value_and_grad(uf.dice)

    def right(logits: Any, target: Any, **keywords: Any) -> Any:
        return ours(logits, target, **keywords)

    def doubled(logits: Any, target: Any, **keywords: Any) -> Any:
        value, gradient = ours(logits, target, **keywords)
        return value, 2 * gradient

    assert conformance.inspect(right, "dice").conforms
    report = conformance.inspect(doubled, "dice")
    assert not report.conforms
    assert report.fits
    assert report.departures == ()
    assert all("gradient off by" in result.detail for result in report.unexplained)
    assert len(report.unexplained) > 5


def test_what_an_option_explains_is_told_from_what_it_does_not() -> None:
    def batch_dice_without_axes(logits: Any, target: Any) -> Any:
        value = theirs.batch_dice(logits, target)
        return value + (logits.ndim == 2)  # wrong where there is no spatial dimension

    report = conformance.inspect(batch_dice_without_axes, "dice")
    assert [f.dimension for f in report.departures] == ["region"]
    assert report.count("failed") > 1
    assert [g.name for g in report.unexplained] == ["five classes, no spatial dimension"]


def test_a_departure_says_which_option_of_ours_does_the_same() -> None:
    report = conformance.inspect(theirs.batch_dice, "dice")
    (departure,) = report.departures
    assert departure.keywords == {"over": "batch"}
    assert "ours with over='batch' does the same" in conformance.text(report)


def test_what_cannot_be_told_apart_is_said() -> None:
    report = conformance.inspect(theirs.pooled_dice, "dice")
    region = next(f for f in report.findings if f.dimension == "region")
    assert region.alternatives == ("the whole batch",)


def test_strange_numbers_are_called_strange() -> None:
    report = conformance.inspect(theirs.strange, "dice")
    assert not report.fits
    assert not report.conforms
    assert report.deviation > 1e-3
    assert "No combination of these conventions gives its numbers" in conformance.text(report)


def test_ways_of_calling_can_be_given() -> None:
    function = theirs.dice_of_probabilities_last
    report = conformance.inspect(function, "dice", axis=-1, input="probabilities", target="one-hot")
    assert report.fits
    assert str(report.feed) == "probabilities (classes on axis -1) and one-hot targets"
    with pytest.raises(conformance.ConformanceError, match="one value per class is wanted"):
        conformance.inspect(function, "dice", target="index")


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (theirs.per_sample, r"must return a number.* returned float64|ndarray of shape \(4,\)"),
        (theirs.words, "must return a number.* str 'much'"),
        (theirs.wrong_gradient, "the gradient must have the shape of the logits"),
        (lambda: 1, "no way of calling the function gives a number"),
    ],
)
def test_a_result_of_the_wrong_kind_is_refused(function: Any, complaint: str) -> None:
    with pytest.raises(conformance.ConformanceError, match=complaint):
        conformance.inspect(function, "dice")


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(conformance.ConformanceError, match="loss must be one of"):
        conformance.inspect(theirs.jaccard, "jaccard")


def test_a_function_without_a_signature_is_refused() -> None:
    with pytest.raises(conformance.ConformanceError, match="does not tell its parameters"):
        conformance.inspect(max, "dice")
