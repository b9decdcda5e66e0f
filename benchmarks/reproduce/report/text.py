"""The report in Markdown, its figures in files of their own."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks import markdown
from benchmarks.reproduce.report.content import Block, Bullets, Definitions, Figure, Report, Table

FOLDER = "figures"


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _file(figure: Figure) -> str:
    return f"{figure.name}.{'png' if isinstance(figure.image, bytes) else 'svg'}"


def _block(block: Block) -> str:
    match block:
        case Table():
            rows = [{_safe(k): _safe(v) for k, v in row.items()} for row in block.rows]
            parts = [f"**{_safe(block.caption)}**", markdown.table(rows), _safe(block.note)]
            return "\n\n".join(part for part in parts if part)
        case Figure():
            return f"![{_safe(block.caption)}]({FOLDER}/{_file(block)})\n\n*{_safe(block.caption)}*"
        case Bullets(items):
            return "\n".join(f"* {_safe(item)}" for item in items)
        case Definitions(items):
            return markdown.bullets({name: _safe(text) for name, text in items.items()})
    return _safe(block)


def render(report: Report) -> str:
    """The text, without its figures."""
    first, *rest = report.sections
    parts = [f"# {report.title}", _safe(first.title), *map(_block, first.blocks)]
    for section in rest:
        parts += [f"## {section.title}", *map(_block, section.blocks)]
    return "\n\n".join(parts) + "\n"


def write(report: Report, out: Path) -> None:
    """Write ``report.md`` and its figures."""
    folder, page = out / FOLDER, out / "report.md"
    folder.mkdir(parents=True, exist_ok=True)
    if page.exists():  # what an earlier report showed, and no file of anybody else
        for name in re.findall(rf"\]\({FOLDER}/([\w.-]+)\)", page.read_text("utf-8")):
            (folder / name).unlink(missing_ok=True)
    for section in report.sections:
        for figure in section.blocks:
            if isinstance(figure, Figure):
                image = figure.image
                if isinstance(image, str):
                    image = image.encode()
                (folder / _file(figure)).write_bytes(image)
    page.write_text(render(report), encoding="utf-8")
