"""``python -m benchmarks.reproduce``: which jobs, on which data, by which backend."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from benchmarks.reproduce.datasets.dataset import DatasetError
from benchmarks.reproduce.experiments import grid
from benchmarks.reproduce.experiments.grid import Planned
from benchmarks.reproduce.losses import TITLES
from benchmarks.reproduce.metrics import Estimate
from benchmarks.reproduce.settings import Backend

app = typer.Typer(add_completion=False, help=__doc__, invoke_without_command=True)


@dataclass
class Chosen:
    """What the options before the command say."""

    profile: str
    out: Path
    given: dict[str, Path]
    planned: list[Planned]
    fresh: bool

    def place(self) -> Any:
        """Where files are. Imported late: what reads images need not be there to list jobs."""
        from benchmarks.reproduce.experiments.jobs import Place

        return Place(self.profile, self.out, self.given)


def choose_backend(backend: str) -> None:
    """Keras reads its backend once, when it is first imported, so this comes before that."""
    if find_spec(backend) is None:
        raise typer.BadParameter(f"{backend} is not installed", param_hint="--backend")
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    # whatever the user's keras.json says
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")


def known_losses(text: str) -> list[str]:
    """The comma-separated names."""
    names = [name.strip() for name in text.split(",")]
    if unknown := sorted(set(names) - TITLES.keys()):
        raise typer.BadParameter(
            f"{', '.join(unknown)}: choose from {', '.join(TITLES)}", param_hint="--losses"
        )
    return names


def known_data(items: list[str]) -> dict[str, Path]:
    """``NAME=PATH`` by name; a path alone is that of ``bus``."""
    given = {}
    for item in items:
        name, found, path = item.rpartition("=")
        name = name if found else "bus"
        if name not in grid.grid()["data"]:
            names = ", ".join(grid.grid()["data"])
            raise typer.BadParameter(f"{name}: choose from {names}", param_hint="--data")
        if not Path(path).is_dir():
            raise typer.BadParameter(f"{path} is no folder", param_hint="--data")
        given[name] = Path(path)
    return given


@app.callback()
def main(
    context: typer.Context,
    profile: Annotated[
        str, typer.Option(help=f"{', '.join(grid.profiles())}: see experiments/grid.yaml.")
    ] = "quick",
    data: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH of a data set, or PATH of breast ultrasound. Repeatable."),
    ] = None,
    backend: Annotated[Backend, typer.Option(help="Where the profile names none.")] = "torch",
    losses: Annotated[str | None, typer.Option(help="Comma-separated; all by default.")] = None,
    folds: Annotated[int | None, typer.Option(min=1, max=5)] = None,
    epochs: Annotated[int | None, typer.Option()] = None,
    batch: Annotated[int | None, typer.Option()] = None,
    filters: Annotated[int | None, typer.Option()] = None,
    depth: Annotated[int | None, typer.Option(help="Poolings.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of folds, batches and weights.")] = 0,
    out: Annotated[Path, typer.Option(file_okay=False)] = Path("results/reproduce"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Repeat finished jobs.")] = False,
) -> None:
    """Train U-Nets with the paper's losses, and set its tables beside ours."""
    if profile not in grid.profiles():
        raise typer.BadParameter(
            f"{profile}: choose from {', '.join(grid.profiles())}", param_hint="--profile"
        )
    changes = {"epochs": epochs, "batch": batch, "filters": filters, "depth": depth}
    given = known_data(data or [])
    absent = grid.missing(profile, tuple(given))
    lists = context.invoked_subcommand == "jobs"
    try:
        planned = grid.plan(
            profile,
            (*given, *absent) if lists else tuple(given),
            backend,
            losses and known_losses(losses),
            folds,
            seed,
            {name: value for name, value in changes.items() if value is not None},
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    # only what changes results makes another folder: a profile's jobs share one
    context.obj = Chosen(profile, out / profile, given, planned, fresh)
    for name in () if lists else absent:
        typer.echo(f"left out, as --data {name}=PATH is not given: {name}", err=True)
    if context.invoked_subcommand is None:
        run(context)


@app.command()
def run(context: typer.Context) -> None:
    """Run the jobs of the active backend one after the other, in this process, then report."""
    chosen: Chosen = context.obj
    backends = {planned.job.backend for planned in chosen.planned}
    if len(backends) != 1:
        raise typer.BadParameter(
            f"{chosen.profile} has jobs on {', '.join(sorted(backends))}, and a process has one "
            "backend: run it by Snakemake, see benchmarks/README.md",
            param_hint="--profile",
        )
    if chosen.profile == "quick":
        # at this size PyTorch's threads wait for each other longer than they compute
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    choose_backend(backends.pop())
    for planned in tqdm(chosen.planned, desc="jobs", unit="job"):
        _run(chosen, planned)
    report(context)


@app.command()
def job(context: typer.Context, name: str) -> None:
    """Run one job, unless its result is there."""
    chosen: Chosen = context.obj
    planned = next((p for p in chosen.planned if p.job.name == name), None)
    if planned is None:
        raise typer.BadParameter(f"{name}: `jobs` lists those of {chosen.profile}")
    choose_backend(planned.job.backend)
    _run(chosen, planned)


def _run(chosen: Chosen, planned: Planned) -> None:
    from benchmarks.reproduce.experiments import jobs

    with tqdm(
        total=planned.settings.epochs, desc=planned.job.name, unit="epoch", leave=False
    ) as bar:

        def on_epoch(epoch: dict[str, Any]) -> None:
            bar.set_postfix(validation=epoch["validation_loss"])
            bar.update()

        try:
            jobs.run(planned, chosen.place(), on_epoch, chosen.fresh)
        except DatasetError as error:
            raise typer.BadParameter(str(error), param_hint="--data") from error


@app.command()
def prepare(context: typer.Context, names: list[str], workers: int = 1) -> None:
    """Write phantoms, read and check data sets, and fill the cache."""
    from benchmarks.reproduce.datasets.check import report as checked

    chosen: Chosen = context.obj
    for name in names:
        try:
            typer.echo(checked(chosen.place().prepared(name, workers)))
        except (DatasetError, FileNotFoundError) as error:
            raise typer.BadParameter(str(error), param_hint="--data") from error


@app.command()
def jobs(context: typer.Context, cases: int = 163) -> None:
    """List the jobs with what they cost: multiply-adds in all, at so many CASES a data set."""
    chosen: Chosen = context.obj
    table = Table("job", "experiments", "epochs", "10¹² multiply-adds", title=chosen.profile)
    total = 0.0
    for planned in chosen.planned:
        phantoms = chosen.place().source(planned.job.dataset).phantoms
        trained = int(0.64 * (phantoms["cases"] if phantoms else cases))
        cost = grid.multiply_adds(planned.settings, 2, trained) / 1e12
        total += cost
        epochs, shown = str(planned.settings.epochs), ", ".join(planned.experiments)
        table.add_row(planned.job.name, shown, epochs, f"{cost:.3g}")
    table.caption = f"{len(chosen.planned)} jobs, {total:.3g}·10¹² multiply-adds"
    show(table)


@app.command()
def report(context: typer.Context) -> None:
    """Write the report of what is finished, and print the comparison of the losses."""
    from benchmarks.reproduce.report import write

    chosen: Chosen = context.obj
    page = write(chosen.out, chosen.out / "report")
    means = json.loads(page.with_name("summary.json").read_text("utf-8"))["means"]
    table = Table("data set", "class", "backend", "loss", "DSC", "precision", "recall")
    for row in means:
        if row["experiment"] == "comparison":
            numbers = (row[m] and str(Estimate(**row[m])) for m in ("dsc", "precision", "recall"))
            titles = (row["dataset"], row["class"], row["backend"], TITLES[row["loss"]])
            table.add_row(*titles, *(number or "–" for number in numbers))
    show(table)
    typer.echo(f"saved {page}")


@app.command()
def timing(context: typer.Context, turns: Annotated[int, typer.Option(min=2)] = 5) -> None:
    """Time an epoch of each loss over one of Keras' cross-entropy, and the input over the step."""
    chosen: Chosen = context.obj
    settings, job = chosen.planned[0].settings, chosen.planned[0].job
    choose_backend(job.backend)
    from benchmarks import store
    from benchmarks.reproduce.experiments.jobs import split_of, weights_of
    from benchmarks.reproduce.losses import build
    from benchmarks.reproduce.training.timing import epoch_ratios, shares

    alike = [p.job for p in chosen.planned if p.settings == settings and not p.job.hyperparameters]
    place = chosen.place()
    prepared = place.prepared(job.dataset)
    ratios = epoch_ratios(
        {other.loss: build(other.loss, {}) for other in alike},
        settings,
        prepared,
        split_of(prepared, settings, job.fold),
        weights_of(place, settings, prepared),
        turns,
    )
    headings = ("of training, in the step", "of wall time")
    table = Table("loss", "epoch, over Keras' cross-entropy", *headings)
    for other in alike:
        done = store.read(place.result(other.name))
        median, low, high = ratios[other.loss]
        found = shares(done["history"]) if done else {}
        parts = (f"{found[name]:.1%}" if done else "–" for name in ("of_training", "step"))
        table.add_row(TITLES[other.loss], f"{median:.2f} ({low:.2f} … {high:.2f})", *parts)
    table.title = f"{place.source(job.dataset).title} on {job.backend}, {turns} turns"
    table.caption = (
        "median and quartiles; shares: of the finished job, but for its first epoch; wall time is "
        "training and validation"
    )
    show(table)


def show(table: Table) -> None:
    """Print a table, wide enough where no terminal says how wide it is, for example in CI."""
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)


if __name__ == "__main__":
    app()
