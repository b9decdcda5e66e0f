"""What a report is made of, whatever it is written in.

In text and cells, ``**`` encloses what stands out.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """Rows of named cells; ``note`` says how to read them."""

    caption: str
    rows: list[dict[str, str]]
    note: str = ""
    words: int = 1
    """How many columns are text."""


@dataclass(frozen=True)
class Figure:
    """An SVG element, or the bytes of a PNG."""

    name: str
    caption: str
    image: str | bytes


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: list[str]


@dataclass(frozen=True)
class Definitions:
    """Names and what they stand for."""

    items: dict[str, str]


Block = str | Table | Figure | Bullets | Definitions


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """All of it; the first section stands without a heading of its own."""

    title: str
    sections: list[Section]
