"""From ``grid.yaml`` to jobs and their settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from benchmarks.reproduce.inputs.preprocess import Preprocessing
from benchmarks.reproduce.losses import TITLES
from benchmarks.reproduce.settings import DeepSupervision, Optimiser, Settings
from benchmarks.store import Json

GRID = Path(__file__).with_name("grid.yaml")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training and its test."""

    dataset: str
    loss: str
    optimiser: Optimiser
    fold: int
    backend: str
    hyperparameters: Mapping[str, float] = field(default_factory=dict)
    deep_supervision: DeepSupervision = "none"
    seed: int = 0

    @property
    def name(self) -> str:
        """Unique and readable; also that of its files."""
        hyper = "".join(f",{name}={value:g}" for name, value in self.hyperparameters.items())
        heads = "" if self.deep_supervision == "none" else f"-heads={self.deep_supervision}"
        return (
            f"{self.dataset}-{self.loss}{hyper}-{self.optimiser}{heads}"
            f"-fold{self.fold}-seed{self.seed}-{self.backend}"
        )


@dataclass(frozen=True)
class Source:
    """A data set of a profile: what it is, and what is done to it before training."""

    name: str
    kind: str
    title: str
    preprocessing: Preprocessing
    phantoms: Json | None
    """Cases and shape of the phantoms that are written; None for a data set that must be given."""


@dataclass(frozen=True)
class Planned:
    """A job, how it is trained, and the kinds of experiment that show it, the first one first."""

    job: Job
    settings: Settings
    experiments: tuple[str, ...]

    @property
    def record(self) -> Json:
        """What a result says of its job."""
        return {"experiment": self.experiments[0], **asdict(self.job)}


@cache
def grid() -> Json:
    """The file as it is."""
    content: Json = yaml.safe_load(GRID.read_text("utf-8"))
    return content


def profiles() -> tuple[str, ...]:
    """The names of the profiles."""
    return tuple(grid()["profiles"])


def source(profile: str, name: str) -> Source:
    """The data set ``name`` as a profile has it."""
    here = grid()["profiles"][profile]["data"][name]
    preprocessing = {k: tuple(v) for k, v in here.get("preprocessing", {}).items()}
    general = grid()["data"][name]
    return Source(
        name,
        general["kind"],
        general["title"],
        Preprocessing(**preprocessing),
        here.get("phantoms"),
    )


def plan(
    profile: str,
    given: Sequence[str] = (),
    backend: str = "torch",
    losses: Sequence[str] | None = None,
    folds: int | None = None,
    seed: int = 0,
    overrides: Mapping[str, Any] | None = None,
) -> list[Planned]:
    """The jobs of a profile on the data sets that are ``given`` or are phantoms.

    ``backend`` and ``seed`` are those of runs which name none, ``losses`` keeps some, ``folds``
    replaces how many folds every run has, and ``overrides`` are settings. A job that several
    experiments show is planned once.
    """
    found: dict[str, Planned] = {}
    for run, spec in grid()["profiles"][profile]["runs"].items():
        for job, changed in _jobs(profile, run, spec, given, backend, folds, seed):
            if losses is not None and job.loss not in losses:
                continue
            settings = settings_of(profile, job, {**changed, **(overrides or {})})
            before = found.get(job.name)
            if before is not None and before.settings != settings:
                raise ValueError(f"{GRID.name}: two settings for {job.name} in {profile}")
            kind = grid()["experiments"][spec.get("experiment", run)]["kind"]
            shown = (*(before.experiments if before else ()), kind)
            found[job.name] = Planned(job, settings, tuple(dict.fromkeys(shown)))
    return list(found.values())


def missing(profile: str, given: Sequence[str]) -> list[str]:
    """The data sets of a profile that are neither given nor phantoms."""
    runs = grid()["profiles"][profile]["runs"].values()
    wanted = [
        choice for run in runs for choice in run["data"] if _at_hand(choice, profile, given) is None
    ]
    return list(dict.fromkeys(wanted))


def _at_hand(choice: str, profile: str, given: Sequence[str]) -> str | None:
    """The first of the data sets ``a | b`` that can be used."""
    for name in choice.split(" | "):
        if name in given or source(profile, name).phantoms is not None:
            return name
    return None


def _jobs(
    profile: str,
    run: str,
    spec: Json,
    given: Sequence[str],
    backend: str,
    folds: int | None,
    seed: int,
) -> Iterator[tuple[Job, Json]]:
    """The jobs of a run, and the settings it changes."""
    experiment = grid()["experiments"][spec.get("experiment", run)]
    changed = dict(spec.get("settings", {}))
    vary = spec.get("vary", experiment.get("vary", {}))
    values = [dict(zip(vary, point, strict=True)) for point in product(*vary.values())]
    names = (name for choice in spec["data"] if (name := _at_hand(choice, profile, given)))
    places = product(names, range(folds or spec["folds"]), spec.get("seeds", [seed]))
    for data, fold, its_seed in places:
        own = grid()["profiles"][profile]["data"][data]["settings"]["optimiser"]
        for optimiser, heads, point, loss, on in product(
            experiment.get("optimisers", [changed.get("optimiser", own)]),
            experiment.get("deep_supervision", ["none"]),
            values,
            spec.get("losses", experiment["losses"]),
            spec.get("backends", [backend]),
        ):
            if loss not in TITLES:
                raise ValueError(f"{GRID.name}: {run} names no known loss, {loss!r}")
            # in one order, so that a point of two sweeps is one job
            hyperparameters = dict(sorted({**experiment.get("fixed", {}), **point}.items()))
            job = Job(
                dataset=data,
                loss=loss,
                hyperparameters=hyperparameters,
                optimiser=optimiser,
                deep_supervision=heads,
                fold=fold,
                seed=its_seed,
                backend=on,
            )
            yield job, changed


def settings_of(profile: str, job: Job, changed: Mapping[str, Any]) -> Settings:
    """How a job is trained, after a run's and the user's changes."""
    here = grid()["profiles"][profile]
    values = {
        **here.get("optimisers", grid()["optimisers"])[job.optimiser],
        **here["data"][job.dataset]["settings"],
        **changed,
        "optimiser": job.optimiser,
        "deep_supervision": job.deep_supervision,
        "seed": job.seed,
    }
    return Settings(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def multiply_adds(settings: Settings, classes: int, cases: int) -> float:
    """Of all convolutions in training, forward and backward: what a job costs on any machine.

    ``cases`` are those it is trained on. Backward is counted twice forward.
    """
    kernel, pixels = 3 ** len(settings.shape), 1
    for n in settings.shape:
        pixels *= n
    forward = float(pixels * settings.filters * classes)
    channels = 1
    for level in range(settings.depth + 1):
        width, here = settings.filters * 2**level, pixels / 2 ** (level * len(settings.shape))
        forward += here * kernel * width * (channels + width)
        if level < settings.depth:  # up again: twice the channels, then as many
            forward += here * kernel * width * (2 * width + width) + here * 2 * width * width
        channels = width
    steps = settings.steps or max(1, cases // settings.batch)
    return 3 * forward * steps * min(settings.batch, max(cases, 1)) * settings.epochs
