"""Every erratum: what is implemented has the stated property, what is printed lacks it."""

import pytest

from unifocal.proofs.prove import prove
from unifocal_spec import LOSSES
from unifocal_spec.errata import pixel_readings, region_readings
from unifocal_spec.errata.table import ERRATA

READINGS = [
    pytest.param(reading, id=f"{reading.about}-{reading.statement}")
    for erratum in ERRATA
    for reading in erratum.readings
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("reading", READINGS)
def test_every_reading_is_decided_as_stated(reading):
    verdict = prove(reading)
    assert verdict.decided == ("proved" if reading.holds else "refuted")


def test_every_row_is_there():
    rows = "1; 6; 7; 11, 19; 12; 14; 15, 20; 16, 17; 18; 20; 21; 22; Fig. 1; §III-B; §IV"
    assert [erratum.equation for erratum in ERRATA] == rows.split("; ")


def test_every_row_that_is_mathematics_has_a_property_in_both_directions():
    assert [e.equation for e in ERRATA if not e.properties] == ["§III-B", "§IV"]
    for erratum in ERRATA:
        for stated in erratum.properties:
            readings = [reading for reading in erratum.readings if reading.stated is stated]
            assert [reading.holds for reading in readings] == [True] + [False] * len(stated.printed)
            assert stated.printed


def test_errata_name_losses_that_exist():
    assert {name for erratum in ERRATA for name in erratum.losses} <= LOSSES.keys()


def test_weights_of_the_heads():
    # Strides 1, 2, 4, 8 are the levels 0 to 3.
    (printed,) = region_readings.head_weights.printed
    assert [printed(level) for level in range(4)] == [2**-1, 2**-4, 2**-16, 2**-64]
    assert [region_readings.head_weights.implemented(k) for k in range(4)] == [
        1,
        1 / 2,
        1 / 4,
        1 / 8,
    ]


def test_the_learning_rate_halfway():
    (printed,) = region_readings.real_schedule.printed
    assert region_readings.real_schedule.implemented(50, 100) == pytest.approx(0.5**0.9)
    assert isinstance(printed(50, 100), complex)


def test_alpha_of_lin_is_spread_and_the_printed_one_is_not():
    assert pixel_readings.balance_of_classes.implemented(0.25) == (0.75, 0.25)
    assert pixel_readings.balance_of_classes.printed[0](0.25) == (0.25, 0.25)
