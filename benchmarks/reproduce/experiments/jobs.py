"""One job: idempotent, its result one JSON file. Import it after Keras' backend is chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks import store
from benchmarks.reproduce.datasets import open_dataset
from benchmarks.reproduce.datasets.folds import Split, split
from benchmarks.reproduce.environment import versions
from benchmarks.reproduce.experiments.grid import Planned, Source, source
from benchmarks.reproduce.inputs.preprocess import Prepared, prepare
from benchmarks.reproduce.phantoms import write_phantoms
from benchmarks.reproduce.settings import CONVENTIONS, Settings
from benchmarks.store import Json
from unifocal.certificate.devices import devices
from unifocal.certificate.environment import commit


@dataclass(frozen=True)
class Place:
    """Where a profile's files are: what is given, and the folder for all that is made."""

    profile: str
    out: Path
    given: Mapping[str, Path]

    def source(self, data: str) -> Source:
        """The data set as the profile has it."""
        return source(self.profile, data)

    def result(self, name: str) -> Path:
        """The file of a job."""
        return self.out / "jobs" / f"{name}.json"

    def prepared(self, data: str, workers: int = 1) -> Prepared:
        """The data set as a network sees it: phantoms are written first, all else is cached."""
        wanted = self.source(data)
        root = self.given.get(data)
        if root is None:
            if wanted.phantoms is None:
                raise FileNotFoundError(f"--data: {data} must be given as {data}=PATH")
            shape, cases = tuple(wanted.phantoms["shape"]), wanted.phantoms["cases"]
            root = self.out / "phantoms" / data
            write_phantoms(wanted.kind, root, cases, seed=0, shape=shape, workers=workers)
        dataset = open_dataset(wanted.kind, root)
        return prepare(dataset, wanted.preprocessing, self.out / "prepared" / data, workers)


def split_of(prepared: Prepared, settings: Settings, fold: int) -> Split:
    """The cases of a fold, the same for every loss and backend."""
    return split(len(prepared.cases), fold, settings.seed, settings.validation)


def made_with(planned: Planned, place: Place, prepared: Prepared) -> Json:
    """All that a result depends on."""
    shares = prepared.foreground().mean(axis=0).tolist()
    return store.jsonable(
        {
            "job": planned.record,
            "settings": asdict(planned.settings),
            "data": {
                "cases": len(prepared.cases),
                "classes": prepared.classes,
                "foreground": dict(zip(prepared.classes[1:], shares, strict=True)),
                "fingerprint": prepared.fingerprint,
            },
            "versions": versions(planned.job.backend),
        }
    )


def run(
    planned: Planned,
    place: Place,
    on_epoch: Callable[[Json], object] = lambda epoch: None,
    fresh: bool = False,
    checkpoint_seconds: float = 30.0,
) -> Json:
    """The result of a job, from its file if that was made with the same things.

    A job that was killed goes on from its last checkpoint, if that too was made with the same
    things. One is written whenever so many seconds have passed.
    """
    from benchmarks.reproduce.training.train import train

    job, settings = planned.job, planned.settings
    prepared = place.prepared(job.dataset)
    config = made_with(planned, place, prepared)
    path = place.result(job.name)
    known = store.read(path)
    if known is not None and config.items() <= known.items() and not fresh:
        return known
    cases = split_of(prepared, settings, job.fold)
    weights = weights_of(place, settings, prepared)
    folder = path.parent
    trained = train(
        job,
        settings,
        prepared,
        cases,
        weights,
        folder,
        store.fingerprint(config),
        on_epoch,
        checkpoint_seconds,
    )
    result = {
        **config,
        "name": job.name,
        "dataset_title": place.source(job.dataset).title,
        "profile": place.profile,
        "commit": commit(),
        "device": devices(job.backend)[-1].title,
        "conventions": CONVENTIONS,
        "split": {
            name: [prepared.cases[i] for i in getattr(cases, name)]
            for name in ("train", "validation", "test")
        },
        **trained,
    }
    store.write(path, result)
    if job.fold == 0 and "comparison" in planned.experiments:
        write_examples(place, job.dataset, prepared, cases)
    return store.jsonable(result)


def weights_of(place: Place, settings: Settings, prepared: Prepared) -> Path:
    """The start that networks of one architecture share, whatever the backend."""
    traits = ("architecture", "shape", "filters", "depth", "deep_supervision", "seed")
    described = {name: getattr(settings, name) for name in traits}
    name = store.fingerprint({**described, "classes": len(prepared.classes)})
    return place.out / "weights" / f"{name}.npz"


def write_examples(place: Place, data: str, prepared: Prepared, cases: Split) -> None:
    """The first fold's test images for the report; of a volume its slice with most foreground."""
    path = place.out / "examples" / f"{data}.npz"
    arrays = {}
    for i in map(int, cases.test):
        image, label, number = prepared.image(i)[..., 0], prepared.label(i), -1
        if label.ndim == 3:
            number = int(np.argmax((label > 0).sum(axis=(1, 2))))
            image, label = image[number], label[number]
        name = prepared.cases[i]
        arrays |= {f"{name}/image": image, f"{name}/label": label, f"{name}/slice": number}
    store.atomically(path, lambda file: np.savez_compressed(file, **arrays))
