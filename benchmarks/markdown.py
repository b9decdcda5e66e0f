"""Tables and lists in Markdown."""

from __future__ import annotations

from collections.abc import Mapping


def table(rows: list[dict[str, str]]) -> str:
    """A pipe table, its columns named by the first row."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def bullets(items: Mapping[str, str]) -> str:
    """A list of named things."""
    return "\n".join(f"* {name}: {value}" for name, value in items.items())
