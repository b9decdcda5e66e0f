"""`unifocal certify`: measure, judge, and write the certificate in three formats."""

from __future__ import annotations

import datetime
import json
import platform
import time
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import unifocal
from unifocal.certificate import markdown, tables
from unifocal.certificate.backends import Backend
from unifocal.certificate.environment import commit, version
from unifocal.certificate.measure import Settings, steps
from unifocal.certificate.processes import Outcome, Progress, measure_all
from unifocal.certificate.summary import SCHEMA, TITLES, judge

Json = dict[str, Any]

EXTRA = ("matplotlib", "ml_dtypes", "rich")


@dataclass(frozen=True)
class Order:
    """What the command line asks for."""

    out: Path
    frameworks: tuple[str, ...]
    settings: Settings
    jobs: int
    readme: Path | None


def require_extra() -> None:
    """Say what to install, before minutes of measuring, if anything is missing."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise SystemExit(
            f"unifocal certify needs {', '.join(missing)}: pip install unifocal[certify]"
        )


def run(order: Order) -> int:
    """Certify, and return the exit status: 1 if a bound is exceeded."""
    require_extra()
    installed = [name for name in order.frameworks if find_spec(name)]
    # NumPy always runs: it is the truth of the plots.
    backends = [b for b in Backend if b.framework in ("numpy", *installed)]
    if order.settings.quick:
        backends = [b for b in backends if b.mode == "eager"]
    began = time.monotonic()
    outcomes = _measure(backends, order)
    certificate = _head(installed, order, time.monotonic() - began)
    certificate |= judge(outcomes, order.settings)
    write(certificate, order.out)
    if order.readme:
        markdown.put_excerpt(order.readme, certificate)
    _report(certificate, order.out)
    return 0 if certificate["holds"] else 1


def _head(installed: list[str], order: Order, seconds: float) -> Json:
    """What the certificate says of itself."""
    versions = {name: version(name) or "not installed" for name in ("numpy", *installed)}
    return {
        "schema": SCHEMA,
        "unifocal": unifocal.__version__,
        "commit": commit(),
        "made": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "seconds": round(seconds),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version()} | versions,
        "not_installed": [name for name in order.frameworks if name not in installed],
    }


# Files --------------------------------------------------------------------------------------------


def write(certificate: Json, out: Path) -> None:
    """Write certificate.json, .md and .html."""
    page = import_module("unifocal.certificate.page")  # needs Matplotlib
    out.mkdir(parents=True, exist_ok=True)
    (out / "certificate.json").write_text(dump(certificate), "utf-8")
    (out / "certificate.md").write_text(markdown.render(certificate), "utf-8")
    (out / "certificate.html").write_text(page.render(certificate), "utf-8")


def dump(certificate: Json) -> str:
    """JSON with a line for each entry of a list of objects, so that differences can be read."""
    return _dumped(certificate, 0) + "\n"


def _dumped(value: Any, depth: int) -> str:
    indent, closing = " " * (depth + 1), " " * depth
    if isinstance(value, list) and value and isinstance(value[0], dict):
        lines = (indent + json.dumps(entry, ensure_ascii=False) for entry in value)
        return "[\n" + ",\n".join(lines) + f"\n{closing}]"
    if isinstance(value, dict) and any(isinstance(entry, dict | list) for entry in value.values()):
        lines = (f"{indent}{json.dumps(k)}: {_dumped(v, depth + 1)}" for k, v in value.items())
        return "{\n" + ",\n".join(lines) + f"\n{closing}}}"
    return json.dumps(value, ensure_ascii=False)


# The terminal -------------------------------------------------------------------------------------


def _measure(backends: list[Backend], order: Order) -> dict[Backend, Outcome]:
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
    )
    totals = {backend: steps(backend, order.settings) for backend in backends}
    with progress.Progress(*columns) as bars:
        whole = bars.add_task("certify", total=sum(totals.values()))
        tasks: dict[Backend, Any] = {}

        def started(backend: Backend) -> None:
            tasks[backend] = bars.add_task(f"  {TITLES[backend.name]}", total=totals[backend])

        def advanced(backend: Backend, done: int, total: int) -> None:
            totals[backend] = total
            bars.update(tasks[backend], advance=done, total=total)
            bars.update(whole, advance=done, total=sum(totals.values()))

        def ended(backend: Backend) -> None:
            bars.remove_task(tasks[backend])

        hear = Progress(started, advanced, ended)
        return measure_all(backends, order.settings, order.jobs, hear)


def _report(certificate: Json, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console, overview = Console(highlight=False), tables.overview(certificate)
    shown = Table(*overview.columns, title=overview.title)
    for row in overview.rows:
        shown.add_row(*row)
    console.print(shown)
    console.print(*tables.exceptions(certificate), tables.verdict(certificate), sep="\n")
    console.print(f"Written to {out}/certificate.json, .md and .html", soft_wrap=True)
