"""The report: JSON for programs, Markdown for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import markdown, store
from benchmarks.streaming.volume import CLASSES, PIECE, TILE
from unifocal.certificate.bounds import GRADIENT, VALUE

NAME = "streaming"
MIB = 1 << 20
ALLOWED = {"value": VALUE["float32"], "gradient": GRADIENT["float32"]}

METHOD = f"""\
## How it was measured

* `unifocal.Accumulator` with Unified Focal under its defaults, float32 logits of {CLASSES} classes
  and labels of one byte, in pieces of {PIECE:,} voxels: one pass for the loss, one for the gradient
  of every piece.
* The volume is one tile of {TILE} pixels over and over, made piece by piece; no piece begins where
  a tile does, nor as the piece before it. A tile that stands there n times has n times its sums, so
  loss and gradient of the whole follow from that of one tile with weight n, which is taken in 50
  digits by formulas that share nothing with the package. *Error of the value* is relative to it;
  *error of the gradient* is the largest of all entries, relative to the largest entry.
* *Peak memory*: a process for each row, and in it the highest resident size that the kernel saw
  during a pass less the resident size before it. The piece counts, and so does its gradient.
"""


def held(record: store.Json) -> bool:
    """Whether every value and gradient is as near to the truth as the project promises."""
    return all(
        cell["errors"][name] <= bound for cell in record["cells"] for name, bound in ALLOWED.items()
    )


def table(cells: list[store.Json]) -> str:
    """A row for every volume."""
    return markdown.table(
        [
            {
                "backend": cell["config"]["backend"],
                "threads": f"{cell['threads']}",
                "voxels": f"{cell['config']['voxels']:,}",
                "logits": f"{cell['config']['voxels'] * CLASSES * 4 / MIB:,.0f} MiB",
                "peak memory, loss": _memory(cell["loss"]["peak"]),
                "gradient": _memory(cell["gradient"]["peak"]),
                "time, loss": f"{cell['loss']['seconds']:.1f} s",
                "gradient ": f"{cell['gradient']['seconds']:.1f} s",
                "error of the value": f"{cell['errors']['value']:.1e}",
                "error of the gradient": f"{cell['errors']['gradient']:.1e}",
            }
            for cell in cells
        ]
    )


def _memory(peak: int | None) -> str:
    return "" if peak is None else f"{peak / MIB:.0f} MiB"


def page(record: store.Json) -> str:
    """The whole report."""
    conditions = record["conditions"]
    versions = conditions["versions"]
    measured = {"numpy", *(cell["config"]["backend"] for cell in record["cells"])}
    sections = [
        "<!-- Written by `python -m benchmarks.streaming`. Do not edit. -->",
        "# A volume larger than memory",
        "    nox -s streaming",
        f"Measured on {record['date']}: {conditions['processor']}, {conditions['cores']} cores, "
        f"{conditions['system']}; Python {conditions['python']}, "
        f"{', '.join(f'{name} {versions[name]}' for name in sorted(measured))}. "
        f"Load before: {max(cell['load'] or 0.0 for cell in record['cells']):.1f}.",
        table(record["cells"]),
        f"Allowed are {ALLOWED['value']:.1e} for the value and {ALLOWED['gradient']:.1e} for the "
        f"gradient: {'held' if held(record) else '**exceeded**'}.",
        METHOD,
    ]
    return "\n\n".join(sections)


def dated(record: store.Json) -> store.Json:
    """The measurements with the date."""
    return {"date": f"{datetime.now(UTC):%Y-%m-%d}", **record}


def save(record: store.Json, out: Path) -> None:
    """Write JSON and Markdown."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{NAME}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (out / f"{NAME}.md").write_text(page(record), encoding="utf-8")
