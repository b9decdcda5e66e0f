"""What a target says about measurements: one figure a workload, or one for a series of them."""

from __future__ import annotations

from itertools import chain

from benchmarks import store
from benchmarks.speed.targets import SERIES, Target
from benchmarks.speed.timing import Spread, ratio, spread
from benchmarks.speed.workloads import WORKLOADS


def figures(target: Target, cells: list[store.Json]) -> dict[str, Spread]:
    """The target's figure on each workload where it was measured; under `SERIES` that of all."""
    if target.series:
        found = _growth(target, cells)
        return {SERIES: found} if found else {}
    return {
        workload: worst
        for workload in target.workloads
        if (worst := _worst(target, [c for c in cells if c["config"]["workload"] == workload]))
    }


def _worst(target: Target, cells: list[store.Json]) -> Spread | None:
    """The largest figure of the subjects, if all of them were measured."""
    found = [
        figure
        for subject in target.subjects
        for cell in cells
        if (figure := _figure(target, subject, cell))
    ]
    return max(found) if len(found) == len(target.subjects) else None


def _figure(target: Target, subject: str, cell: store.Json) -> Spread | None:
    """Seconds over the peer's, or bytes over those of the logits."""
    measured = _measured(target, subject, cell)
    if measured is None:
        return None
    if target.measure == "time":
        theirs = cell["seconds"].get(target.peer)
        return ratio(measured, theirs) if theirs else None
    beside = cell["labels"] if target.measure == "saved" else 0
    return spread([max(size - beside, 0) / cell["logits"] for size in measured])


def _measured(target: Target, subject: str, cell: store.Json) -> list[float] | None:
    """Seconds of every turn, or bytes of every repeat."""
    field = {"time": "seconds", "memory": "peak", "saved": "saved"}[target.measure]
    found: list[float] | None = cell.get(field, {}).get(subject)
    return found


def _growth(target: Target, cells: list[store.Json]) -> Spread | None:
    """How the figure of a subject grows over a series of workloads, if all were measured.

    Time: that of a logit on the largest workload over the least that it took on any. Memory: what
    each further byte of logits adds to the peak, from the second largest workload to the largest.
    """
    (subject,) = target.subjects
    found = {
        cell["config"]["workload"]: (cell["logits"], spread(measured))
        for cell in cells
        if cell["config"]["workload"] in target.workloads
        and (measured := _measured(target, subject, cell))
    }
    if found.keys() != set(target.workloads):
        return None
    *smaller, (size, largest) = sorted(found.values())
    if target.measure == "time":
        least = min(s.median / n for n, s in chain(smaller, [(size, largest)]))
        return Spread(*(seconds / size / least for seconds in largest))
    before, second = smaller[-1]
    return spread([(largest.median - second.median) / (size - before)])


def title(workload: str) -> str:
    """What the column of a workload is called; targets that name theirs share one."""
    return WORKLOADS[workload].title.partition(",")[0] if workload in COLUMNS else OTHER


COLUMNS = ("kits19", "bus")
OTHER = "as named"
