"""The comparison from data to report. Import it only after the Keras backend is chosen."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import keras
from tqdm import tqdm

from benchmarks.reproduce.cell_training import Epoch, first_losses, train_cell
from benchmarks.reproduce.cells import Cell, Json, Result, load, save
from benchmarks.reproduce.data import Dataset, Split, read_dataset, split
from benchmarks.reproduce.environment import versions
from benchmarks.reproduce.figure import draw
from benchmarks.reproduce.losses import build
from benchmarks.reproduce.settings import CONVENTIONS, FOLDS, Settings
from benchmarks.reproduce.table_report import Results, write_report
from benchmarks.reproduce.unet import unet, write_initial_weights
from unifocal.certificate.environment import commit


def initial_weights(out: Path, settings: Settings) -> Path:
    """The file of the start that all backends, losses and folds share."""
    name = f"initial-weights-f{settings.filters}-d{settings.depth}-seed{settings.seed}.npz"
    model = unet(settings.size, settings.filters, settings.depth, settings.batch_norm_momentum)
    write_initial_weights(out / name, model, settings.seed)
    return out / name


def describe(data: Dataset, settings: Settings, weights: Path) -> Json:
    """What all cells of a comparison have in common."""
    backend = keras.backend.backend()
    return {
        "backend": backend,
        "data": {
            "name": data.name,
            "cases": len(data.cases),
            "foreground": round(float(data.masks.mean()), 4),
            "fingerprint": data.fingerprint(),
        },
        "settings": settings.of_a_cell(),
        "initial_weights": hashlib.sha256(weights.read_bytes()).hexdigest()[:16],
        "versions": versions(backend),
    }


def cell_of(loss: str, fold: int, common: Json) -> Cell:
    """The cell of a loss on a fold, with the hyperparameters its Keras class reports."""
    hyperparameters = {k: v for k, v in build(loss).get_config().items() if k != "name"}
    config = common | {"loss": loss, "fold": fold, "hyperparameters": hyperparameters}
    return Cell(loss, fold, common["backend"], config)


def finish(
    cell: Cell, data: Dataset, fold: Split, settings: Settings, weights: Path, folder: Path
) -> Result:
    """Train a cell under an epoch bar and save it with its provenance."""
    with tqdm(total=settings.epochs, desc=cell.loss, unit="epoch", leave=False) as bar:

        def on_epoch(epoch: Epoch) -> None:
            bar.set_postfix(validation=epoch["validation_loss"])
            bar.update()

        trained = train_cell(cell.loss, data, fold, settings, weights, on_epoch)
    record = {"config": cell.config, "commit": commit(), "conventions": CONVENTIONS}
    result = Result(record | trained.record, trained.predictions)
    save(folder, cell, result)
    return result


def reproduce(root: Path, out: Path, losses: list[str], settings: Settings, fresh: bool) -> None:
    """Train every loss on every fold that is not finished, then print and save the report."""
    data = read_dataset(root, settings.size)
    weights = initial_weights(out, settings)
    common = describe(data, settings, weights)
    folds = [
        split(len(data.cases), f, settings.seed, settings.validation) for f in range(settings.folds)
    ]
    results: dict[str, list[Result]] = {loss: [] for loss in losses}
    work = [(loss, number) for number in range(len(folds)) for loss in losses]
    trained = 0
    for loss, number in tqdm(work, desc=f"cells on {common['backend']}", unit="cell"):
        cell = cell_of(loss, number, common)
        result = None if fresh else load(out / "cells", cell)
        if result is None:
            result = finish(cell, data, folds[number], settings, weights, out / "cells")
            trained += 1
        results[loss].append(result)
    resumed = len(work) - trained
    tqdm.write(f"{trained} cells trained, {resumed} resumed from {out / 'cells'}")
    publish(out, data, folds[0], common, settings, results)


def publish(
    out: Path, data: Dataset, fold: Split, common: Json, settings: Settings, results: Results
) -> None:
    """Write the tables of all folds and the figure of the first."""
    backend, size = common["backend"], settings.size
    name = f"{data.name}-{backend}"
    count = f"{settings.folds} of {FOLDS} folds, {settings.epochs} epochs, {size} x {size} pixels"
    title = f"{data.name}, Keras on {backend}: {count}"
    hyperparameters = {
        loss: finished[0].record["config"]["hyperparameters"] for loss, finished in results.items()
    }
    provenance = common | {
        "folds": settings.folds,
        "hyperparameters": hyperparameters,
        "commit": commit(),
        "conventions": CONVENTIONS,
    }
    write_report(out, name, title, provenance, results)
    predictions = {loss: finished[0].predictions for loss, finished in results.items()}
    draw(out / f"{name}.png", title, data, fold.test, predictions)
    tqdm.write(f"saved {out / name}.md, .json, .csv, .png and -cases.csv")


def first_step(root: Path, out: Path, losses: list[str], settings: Settings) -> None:
    """Print and save every loss at the first step, for comparison with another backend."""
    data = read_dataset(root, settings.size)
    weights = initial_weights(out, settings)
    fold = split(len(data.cases), 0, settings.seed, settings.validation)
    values = first_losses(losses, data, fold, settings, weights)
    text = json.dumps(describe(data, settings, weights) | {"first_losses": values}, indent=1)
    path = out / f"{data.name}-{keras.backend.backend()}-first.json"
    path.write_text(text + "\n", encoding="utf-8")
    for loss, value in values.items():
        tqdm.write(f"{loss:20} {value:.9f}")
