"""Where the paper's print is not what it means.

    erratum.py          what an erratum is, and the readings of an equation it sets side by side
    table.py            the errata themselves, in the order of the equations
    pixel_readings.py   printed and implemented pixel terms, and the property that tells them apart
    region_readings.py  likewise for region terms, combinations and schedules

`unifocal.proofs` decides them.
"""

from unifocal_spec.errata.erratum import Erratum, Reading
from unifocal_spec.errata.table import ERRATA

__all__ = ["ERRATA", "Erratum", "Reading"]
