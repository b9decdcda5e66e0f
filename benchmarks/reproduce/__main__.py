"""``python -m benchmarks.reproduce``: choose the backend, then run the comparison."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.reproduce.breast_phantoms import write_phantoms
from benchmarks.reproduce.data import DatasetError
from benchmarks.reproduce.losses import COMPARED
from benchmarks.reproduce.settings import LEARNING_RATES, PROFILES, Backend, Optimiser, Profile


def choose_backend(backend: Backend) -> None:
    """Keras reads its backend once, when it is first imported, so this comes before that."""
    if find_spec(backend) is None:
        raise typer.BadParameter(f"{backend} is not installed", param_hint="--backend")
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    # whatever the user's keras.json says
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")


def per_profile(setting: str) -> str:
    """What an option is where it is not given."""
    return ", ".join(f"{name}: {getattr(profile, setting)}" for name, profile in PROFILES.items())


def known(text: str) -> list[str]:
    """The comma-separated names in the order of the table."""
    names = {name.strip() for name in text.split(",")}
    if unknown := sorted(names - COMPARED.keys()):
        raise typer.BadParameter(
            f"{', '.join(unknown)}: choose from {', '.join(COMPARED)}", param_hint="--losses"
        )
    return [name for name in COMPARED if name in names]


def main(
    data: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Images in the UDIAT layout (original/ and GT/). Default: phantoms.",
        ),
    ] = None,
    backend: Annotated[Backend, typer.Option(help="What Keras computes with.")] = "torch",
    losses: Annotated[str, typer.Option(help="Comma-separated.")] = ",".join(COMPARED),
    profile: Annotated[
        Profile, typer.Option(help="Where the options below start: minutes, or the paper's scale.")
    ] = "quick",
    epochs: Annotated[int | None, typer.Option(help=per_profile("epochs"))] = None,
    size: Annotated[int | None, typer.Option(help=f"Pixels. {per_profile('size')}")] = None,
    folds: Annotated[int | None, typer.Option(help=f"Of five. {per_profile('folds')}")] = None,
    batch: Annotated[int | None, typer.Option(help=per_profile("batch"))] = None,
    filters: Annotated[int | None, typer.Option(help=per_profile("filters"))] = None,
    depth: Annotated[int | None, typer.Option(help=f"Poolings. {per_profile('depth')}")] = None,
    optimiser: Annotated[Optimiser | None, typer.Option(help=per_profile("optimiser"))] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help=", ".join(f"{name}: {rate}" for name, rate in LEARNING_RATES.items())),
    ] = None,
    momentum: Annotated[
        float | None, typer.Option(help=f"Of sgd, Nesterov's. {per_profile('momentum')}")
    ] = None,
    batch_norm_momentum: Annotated[
        float | None, typer.Option(help=per_profile("batch_norm_momentum"))
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of folds, batches, weights, phantoms.")] = 0,
    cases: Annotated[int, typer.Option(min=10, help="How many phantoms.")] = 163,
    out: Annotated[Path, typer.Option(file_okay=False)] = Path("results/reproduce"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Repeat finished cells.")] = False,
    first_loss: Annotated[
        bool, typer.Option("--first-loss", help="Only print each loss at the first step.")
    ] = False,
) -> None:
    """Train a U-Net with the paper's losses and print DSC, precision and recall beside Table 3."""
    names = known(losses)
    if learning_rate is None and optimiser is not None:
        learning_rate = LEARNING_RATES[optimiser]
    options: dict[str, Any] = {
        "epochs": epochs,
        "size": size,
        "folds": folds,
        "batch": batch,
        "filters": filters,
        "depth": depth,
        "optimiser": optimiser,
        "learning_rate": learning_rate,
        "momentum": momentum,
        "batch_norm_momentum": batch_norm_momentum,
        "seed": seed,
    }
    given = {name: value for name, value in options.items() if value is not None}
    try:
        settings = replace(PROFILES[profile], **given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if profile == "quick":
        # at this size PyTorch's threads wait for each other longer than they compute
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    choose_backend(backend)
    from benchmarks.reproduce.run import first_step, reproduce

    out.mkdir(parents=True, exist_ok=True)
    root = data or write_phantoms(out / f"phantoms-{cases}-seed{seed}", cases, seed)
    try:
        if first_loss:
            first_step(root, out, names, settings)
        else:
            reproduce(root, out, names, settings, fresh)
    except DatasetError as error:
        raise typer.BadParameter(str(error), param_hint="--data") from error


if __name__ == "__main__":
    typer.run(main)
