"""The certificate as Markdown, and the part of it that the README shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unifocal.certificate import tables
from unifocal.certificate.tables import Table

Json = dict[str, Any]

BEGIN, END = "<!-- certificate: begin -->", "<!-- certificate: end -->"
"""What the excerpt stands between."""


def _pipes(table: Table) -> str:
    """A table, its numbers on the right."""
    sides = ["---" if i < table.words else "---:" for i in range(len(table.columns))]
    lines = [table.columns, sides, *table.rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _bullets(items: list[str]) -> str:
    return "\n".join(f"* {item}" for item in items)


def _folded(table: Table) -> str:
    """A long table behind its title."""
    summary = f"<details><summary>{table.title}</summary>"
    return "\n\n".join([summary, _pipes(table), "</details>"])


def render(certificate: Json) -> str:
    """Return the whole certificate."""
    overview, between = tables.overview(certificate), tables.differences(certificate)
    sections = [
        f"# {tables.heading(certificate)}",
        f"**{tables.verdict(certificate)}**",
        _bullets([f"{name}: {text}" for name, text in tables.made_with(certificate)]),
        f"## {overview.title}",
        _pipes(overview),
        tables.EXACT,
        _bullets(list(tables.exceptions(certificate))),
    ]
    if between:
        sections += [f"## {between.title}", _pipes(between)]
    sections.append(tables.same_bits(certificate) or "")
    sections.append("## Every loss")
    sections += [
        _folded(tables.details(certificate, precision))
        for precision in tables.precisions(certificate)
    ]
    sections += ["## What the numbers are", _bullets(_definitions())]
    return "\n\n".join(section for section in sections if section) + "\n"


def _definitions() -> list[str]:
    return [f"{name}: {text}" for name, text in tables.DEFINITIONS.items()]


def excerpt(certificate: Json) -> str:
    """Return what the README shows."""
    versions = ", ".join(f"{name} {v}" for name, v in certificate["versions"].items())
    parts = [
        f"{tables.verdict(certificate)} {tables.overview(certificate).title}, each against 50 "
        f"digits, with {versions}:",
        _pipes(tables.overview(certificate)),
        tables.EXACT,
        "\n".join(_starred(certificate)),
        tables.same_bits(certificate) or "",
    ]
    return "\n\n".join(part for part in parts if part)


def _starred(certificate: Json) -> list[str]:
    return [f"\\* {text}" for text in tables.exceptions(certificate) if text.startswith("Known")]


def put_excerpt(document: Path, certificate: Json) -> None:
    """Replace what stands between the marks of a document by the excerpt."""
    text = document.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{document} has no lines {BEGIN!r} and {END!r} to write between")
    replaced = f"{before}{BEGIN}\n\n{excerpt(certificate)}\n\n{END}{after}"
    document.write_text(replaced, "utf-8")
