"""Decide every claim and every erratum by running the definitions themselves on symbols.

    equality.py      special cases: proved, or refuted by an image
    unreachable.py   losses that no hyperparameters reach
    properties.py    errata: the implemented form has a property, the printed one lacks it
    decide.py        what exact arithmetic can say of an expression

A statement is proved or refuted. If neither, UndecidedError is raised, and that is a failure.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from unifocal.proofs.decide import UndecidedError, Witness
from unifocal.proofs.equality import decide_equality
from unifocal.proofs.properties import decide_reading
from unifocal.proofs.unreachable import prove_unreachable
from unifocal_spec.claims.claim import Claim, Unreachable
from unifocal_spec.claims.table import CLAIMS, UNREACHABLE
from unifocal_spec.errata.erratum import Reading
from unifocal_spec.errata.table import ERRATA

__all__ = ["UndecidedError", "Verdict", "Witness", "prove", "prove_all", "table"]

Statement = Claim | Unreachable | Reading


@dataclass(frozen=True)
class Verdict:
    """How a statement was decided; a refuted one has a witness."""

    claim: Statement
    decided: Literal["proved", "refuted"]
    witness: Witness | None
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it was decided as stated."""
        return (self.decided == "proved") == self.claim.holds


def _witness(claim: Statement) -> Witness | None:
    if isinstance(claim, Claim):
        return decide_equality(claim)
    if isinstance(claim, Reading):
        return decide_reading(claim)
    prove_unreachable(claim)
    return None


def prove(claim: Statement) -> Verdict:
    """Decide one statement.

    >>> from unifocal_spec.claims.table import SPECIAL_CASES
    >>> prove(SPECIAL_CASES[0]).decided
    'proved'
    """
    start = time.perf_counter()
    witness = _witness(claim)
    decided: Literal["proved", "refuted"] = "refuted" if witness else "proved"
    return Verdict(claim, decided, witness, time.perf_counter() - start)


def statements() -> tuple[Statement, ...]:
    """Every claim, true or false, and every reading of a misprinted equation."""
    return (*CLAIMS, *UNREACHABLE, *(reading for e in ERRATA for reading in e.readings))


def prove_all() -> list[Verdict]:
    """Decide every statement."""
    return [prove(claim) for claim in statements()]


def _line(verdict: Verdict) -> str:
    mark = "" if verdict.ok else "FAILED "
    witness = f"  ({verdict.witness})" if verdict.witness else ""
    said = f"{verdict.claim.about}  {verdict.claim.statement}"
    return f"{mark}{verdict.decided:8} {verdict.seconds:5.2f} s  {said}{witness}"


def table(verdicts: Sequence[Verdict]) -> str:
    """Say each verdict in a line, and their number in the last.

    The line of a statement that was not decided as stated begins with FAILED.
    """
    proved = sum(v.decided == "proved" for v in verdicts)
    wrong = sum(not v.ok for v in verdicts)
    total = (
        f"{len(verdicts)} statements: {proved} proved, {len(verdicts) - proved} refuted by a "
        f"witness, {wrong} not as stated, in {sum(v.seconds for v in verdicts):.1f} s"
    )
    return "\n".join([*map(_line, verdicts), total])
