"""A report as text."""

from __future__ import annotations

from collections.abc import Iterator

from unifocal.conformance.inspection import Report
from unifocal.conformance.search import Finding

_FEW = 3


def keywords(finding: Finding) -> str:
    """Say with which options our loss does the same; empty if there are none."""
    return ", ".join(f"{name}={value!r}" for name, value in finding.keywords.items())


def _alternatives(finding: Finding) -> str:
    """Name what gives the same numbers, or count it."""
    if not finding.alternatives:
        return ""
    if len(finding.alternatives) > _FEW:
        return f" ({len(finding.alternatives)} other choices give the same numbers)"
    return f" ({', '.join(finding.alternatives)}: the same numbers)"


def _line(finding: Finding) -> str:
    line = f"  {finding.dimension + ':':42} {finding.found}{_alternatives(finding)}"
    if not finding.departs:
        return line
    same = keywords(finding)
    remedy = f"; ours with {same} does the same" if same else ""
    return f"{line} -- departs: ours is {finding.ours!r}{remedy}"


def _grouped(report: Report, outcome: str) -> dict[str, list[str]]:
    """Return the names of golden vectors by what is to be said about them."""
    names: dict[str, list[str]] = {}
    for result in report.golden:
        if result.outcome == outcome:
            names.setdefault(result.detail, []).append(result.name)
    return names


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.function}, held to {report.loss}"
    yield f"called with {report.feed}"
    yield ""
    if report.fits:
        yield f"These conventions give its numbers within {report.deviation:.1e}:"
    else:
        yield (
            "No combination of these conventions gives its numbers. The nearest is off by "
            f"{report.deviation:.1e}:"
        )
    yield from map(_line, report.findings)
    yield ""
    counts = ", ".join(f"{report.count(o)} {o}" for o in ("passed", "failed", "not asked"))
    yield f"Golden vectors: {counts}"
    for outcome in ("failed", "not asked"):
        for detail, names in _grouped(report, outcome).items():
            yield f"  {outcome}: {'; '.join(names)}: {detail}"
    yield ""
    yield f"{report.function} {'conforms to' if report.conforms else 'departs from'} {report.loss}."


def text(report: Report) -> str:
    """Return the whole report."""
    return "\n".join(_lines(report))
