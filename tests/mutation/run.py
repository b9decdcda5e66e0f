"""Judge mutants, in processes that are renewed now and then, and keep the verdicts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

from tests.house.paths import ROOT
from tests.mutation.judge import Verdict
from tests.mutation.operators import Mutant
from tests.mutation.targets import TARGETS, Target
from tests.mutation.worker import Worker

FOLDER = ROOT / ".mutation"
TRUTHS = FOLDER / "truths.pickle"
VERDICTS = Path(__file__).with_name("verdicts.json")
"""Checked in: to judge all anew takes hours."""

BATCH = {"numpy": 100, "torch": 50, "jax": 15, "tensorflow": 25, "triton": 50, "numba": 25}
"""Mutants per process: what frameworks compile piles up in it."""

TIMEOUT = {"numpy": 60, "torch": 180, "jax": 600, "tensorflow": 300, "triton": 600, "numba": 900}
"""Seconds of processor time until a mutant counts as hung: ten times what the code itself takes."""

SUITE = ("tests/parity", "tests/front", "tests/backends", "tests/mutation")
"""Whoever survived is tried again once something here has changed."""

Judged = tuple[Mutant, Verdict]


class DamageError(RuntimeError):
    """The code as it is does not pass."""


class Verdicts:
    """What is known of mutants, kept in a file from run to run."""

    def __init__(self, file: Path = VERDICTS) -> None:
        self.file = file
        self._known: dict[str, list] = json.loads(file.read_text("utf-8")) if file.exists() else {}
        self._suite = _digest(*(p for part in SUITE for p in sorted((ROOT / part).glob("*.py"))))

    def get(self, target: Target, mutant: Mutant) -> Verdict | None:
        """The last verdict on a mutant: who survived an older suite counts as alive."""
        *verdict, _ = self._known.get(_key(target, mutant), (None,))
        return Verdict(*verdict) if verdict else None

    def holds(self, target: Target, mutant: Mutant) -> bool:
        """Whether the verdict on a mutant is known, and need not be given anew."""
        *verdict, suite = self._known.get(_key(target, mutant), (None,))
        return bool(verdict) and (verdict[0] != "survived" or suite == self._suite)

    def keep(self, target: Target, judged: Iterable[Judged]) -> None:
        """Add verdicts to the file."""
        for mutant, verdict in judged:
            known = verdict._replace(message="")  # it may name what is on this machine alone
            self._known[_key(target, mutant)] = [*known, self._suite]
        self._write()

    def forget_all_but(self, targets: Iterable[Target]) -> None:
        """Leave out the mutants of files that have changed since."""
        keys = {_key(target, mutant) for target in targets for mutant in target.mutants}
        self._known = {key: known for key, known in self._known.items() if key in keys}
        self._write()

    def _write(self) -> None:
        lines = (f"{json.dumps(k)}: {json.dumps(self._known[k])}" for k in sorted(self._known))
        unfinished = self.file.with_suffix(".unfinished")
        unfinished.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
        unfinished.replace(self.file)


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _key(target: Target, mutant: Mutant) -> str:
    return f"{target.path} {hashlib.sha256(mutant.source.encode()).hexdigest()[:16]}"


def run(
    target: Target,
    mutants: list[Mutant],
    verdicts: Verdicts,
    tell: Callable[[int], object],
) -> None:
    """Judge those mutants of a file that have no verdict; `tell` is called with their number."""
    unknown = [m for m in mutants if not verdicts.holds(target, m)]
    tell(len(mutants) - len(unknown))
    if not unknown:
        return
    _check(target.frameworks)
    size = BATCH[target.frameworks[-1]]
    for start in range(0, len(unknown), size):
        for judged in _judged(target, unknown[start : start + size]):
            verdicts.keep(target, judged)
            tell(len(judged))


@cache
def _check(frameworks: tuple[str, ...]) -> None:
    """Hold the code as it is to the guards of these frameworks, once."""
    FOLDER.mkdir(exist_ok=True)
    target = next(target for target in TARGETS if target.frameworks == frameworks)
    with Worker(frameworks, TRUTHS, timeout=3600) as worker:  # the oracle takes its time
        verdict = worker.judge(target.module, target.source)
    if verdict.outcome != "survived":
        raise DamageError(f"{frameworks}: {verdict}")


def _judged(target: Target, batch: list[Mutant]) -> Iterator[list[Judged]]:
    """Judge a batch in one process, or in several where a mutant takes the process with it."""
    found: list[Judged] = []
    with Worker(target.frameworks, TRUTHS, TIMEOUT[target.frameworks[-1]]) as worker:
        for mutant in batch:
            verdict = worker.judge(target.module, mutant.source)
            if verdict.outcome == "crashed" and not worker.alive and found:
                break  # whoever went before may have left too little memory: a process of its own
            found.append((mutant, verdict))
            if not worker.alive:
                break
        spoilt = worker.alive and worker.judge(target.module, target.source, few=True).killed
    if spoilt and len(batch) > 1:
        # What one mutant left behind in the process may have killed another.
        half = len(batch) // 2
        yield from _judged(target, batch[:half])
        yield from _judged(target, batch[half:])
        return
    yield found
    if rest := batch[len(found) :]:
        yield from _judged(target, rest)
