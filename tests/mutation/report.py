"""The page that says what was killed, and why the rest lives."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from tests.mutation.operators import Mutant
from tests.mutation.run import Verdicts
from tests.mutation.targets import Target

HERE = Path(__file__).parent
PAGE = HERE / "README.md"

INTRODUCTION = """\
# Mutation testing

A test suite is as good as the faults it sees. Here every operator, constant, condition, argument
and call of the code that computes a loss is changed, one at a time ([operators.py](operators.py)),
and tests are run on the result: those of parity first, then those of the front door and of the
framework ([guards.py](guards.py)). A mutant that no test fails on has survived. Each survivor
stands below, with the reason. A survivor is equivalent where nothing that a caller could see has
changed, on any machine, but the time taken; no test could fail on it, and it is left out of the
share that is killed.

`nox -s mutation` judges the mutants that have no verdict yet, and writes this page. Where one takes
seconds, because every call of it is compiled, a sample is judged, the same every time;
`nox -s mutation -- --all` judges all.
"""

COLUMNS = (
    "file",
    "mutants",
    "judged",
    "wrong",
    "crashed",
    "hung",
    "of these by parity",
    "survived",
    "of these equivalent",
    "killed",
)

EXPLANATION = """
*wrong*: a test found a wrong number, a wrong type or a missing error; *crashed*: the mutant raised
an error of its own; *hung*: it gave no answer in time.
"""


UNKNOWN = "No reason is known."


@dataclass(frozen=True)
class Reason:
    """Why mutants survive."""

    why: str
    files: str
    mutants: tuple[str, ...]
    equivalent: bool

    def explains(self, target: Target, mutant: Mutant) -> bool:
        """Whether it says why this mutant survives."""
        return fnmatchcase(target.path, self.files) and mutant.what in self.mutants


def reasons() -> list[Reason]:
    """All reasons, from `reasons.toml`."""
    table = tomllib.loads((HERE / "reasons.toml").read_text("utf-8"))
    return [
        Reason(r["why"], r["files"], tuple(r["mutants"]), r.get("equivalent", False))
        for r in table["reason"]
    ]


@dataclass(frozen=True)
class Result:
    """The verdicts on the mutants of one file that were to be judged."""

    target: Target
    mutants: list[Mutant]
    verdicts: Verdicts

    @cached_property
    def judged(self) -> list[tuple[Mutant, str, bool]]:
        """Mutants with outcome, and whether it was parity."""
        found = ((m, self.verdicts.get(self.target, m)) for m in self.mutants)
        return [(m, v.outcome, v.parity) for m, v in found if v is not None]

    @property
    def survivors(self) -> list[Mutant]:
        """The mutants that no test failed on."""
        return sorted(
            (m for m, outcome, _ in self.judged if outcome == "survived"), key=lambda m: m.what
        )

    @cached_property
    def equivalent(self) -> int:
        """How many survivors change nothing."""
        known = [reason for reason in reasons() if reason.equivalent]
        return sum(any(r.explains(self.target, m) for r in known) for m in self.survivors)

    @property
    def killed(self) -> float:
        """The share that some test failed on, of the judged mutants that are not equivalent."""
        different = len(self.judged) - self.equivalent
        return 1 - (len(self.survivors) - self.equivalent) / different if different else 0.0

    @property
    def dead(self) -> float:
        """The share that some test failed on, of all judged mutants."""
        return 1 - len(self.survivors) / len(self.judged) if self.judged else 0.0

    def row(self) -> tuple[str, ...]:
        """One row of the table."""
        count = Counter(outcome for _, outcome, _ in self.judged)
        parity = sum(parity and outcome != "survived" for _, outcome, parity in self.judged)
        numbers = (
            len(self.target.mutants),
            len(self.judged),
            *(count[outcome] for outcome in ("wrong", "crashed", "timeout")),
            parity,
            count["survived"],
            self.equivalent,
        )
        killed = f"{100 * self.killed:.1f} %" if self.judged else "not judged yet"
        return f"`{self.target.path}`", *map(str, numbers), killed


def total(results: list[Result]) -> tuple[float, float, float]:
    """The share killed of all mutants, and the ends of its 95 % confidence interval.

    Every file that was judged counts by its mutants. The interval is Wilson's, for the size of a
    simple sample that would know the share as well as these samples do; a file judged completely
    leaves no doubt.
    """
    judged = [r for r in results if r.judged]
    if not judged:
        return 0.0, 0.0, 1.0
    weights = [len(r.target.mutants) for r in judged]
    share = sum(w * r.killed for w, r in zip(weights, judged, strict=True)) / sum(weights)
    doubt = sum(
        w * (w - len(r.judged)) / len(r.judged) for w, r in zip(weights, judged, strict=True)
    )
    if doubt == 0:
        return share, share, share
    n, z = sum(weights) ** 2 / doubt, 1.96
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return share, middle - half, middle + half


def unexplained(results: list[Result]) -> list[str]:
    """Survivors without a reason."""
    known = reasons()
    return [
        f"`{result.target.path}`, `{mutant.what}`"
        for result in results
        for mutant in result.survivors
        if not any(reason.explains(result.target, mutant) for reason in known)
    ]


def page(results: list[Result]) -> str:
    """The page as Markdown."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(result.row() for result in results)]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    share, low, high = total(results)
    known = [r for r in results if r.judged]
    every, judged = sum(len(r.target.mutants) for r in known), sum(len(r.judged) for r in known)
    dead = sum(len(r.target.mutants) * r.dead for r in known) / every if every else 0.0
    summary = (
        f"**{100 * share:.1f} % are killed** (95 % confidence interval {100 * low:.1f} % to "
        f"{100 * high:.1f} %), by {judged} judged of {every} mutants in {len(known)} of "
        f"{len(results)} files. With equivalent mutants, which nothing can kill, it is "
        f"{100 * dead:.1f} %.\n"
    )
    return f"{INTRODUCTION}\n{summary}\n{table}\n{EXPLANATION}\n## Survivors\n{_survivors(results)}"


def _survivors(results: list[Result]) -> str:
    text = ""
    for reason in reasons():
        lines = [
            f"`{result.target.path}`, `{mutant.what}`"
            for result in results
            for mutant in result.survivors
            if reason.explains(result.target, mutant)
        ]
        text += _listed(reason.why, lines)
    return text + _listed(UNKNOWN, unexplained(results))


def _listed(why: str, lines: list[str]) -> str:
    return f"\n{why}\n\n" + "".join(f"* {line}\n" for line in lines) if lines else ""
