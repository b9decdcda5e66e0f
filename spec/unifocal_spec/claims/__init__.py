"""Which loss is a special case of which, and which arrows of the paper's Fig. 1 are false.

    claim.py      what a claim is: general loss, substitution, special loss, factor and constant
    table.py      the claims themselves, true ones and false ones
    family.py     every loss as a point of one family
    auxiliary.py  definitions that only claims need

`unifocal.proofs` decides them.
"""

from unifocal_spec.claims.claim import DEFINITIONS, Claim, Unreachable
from unifocal_spec.claims.family import FAMILY
from unifocal_spec.claims.table import CLAIMS, FALSE, SPECIAL_CASES, UNREACHABLE

__all__ = [
    "CLAIMS",
    "DEFINITIONS",
    "FALSE",
    "FAMILY",
    "SPECIAL_CASES",
    "UNREACHABLE",
    "Claim",
    "Unreachable",
]
