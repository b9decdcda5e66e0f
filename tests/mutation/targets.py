"""What is mutated, and the frameworks whose tests are to notice."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from tests.house.paths import ROOT
from tests.mutation.operators import Mutant, mutants

FRAMEWORKS = ("numpy", "torch", "jax", "tensorflow")


@dataclass(frozen=True)
class Target:
    """A file, and of every how many mutants one is tried."""

    path: str
    frameworks: tuple[str, ...]
    every: int = 1

    @property
    def module(self) -> str:
        """The name under which the file is imported."""
        return ".".join(Path(self.path).with_suffix("").parts[1:])

    @property
    def source(self) -> str:
        """The text of the file."""
        return (ROOT / self.path).read_text("utf-8")

    def mutants(self) -> list[Mutant]:
        """The mutants that are tried: all, or a seeded sample."""
        every = list(mutants(self.source))
        if self.every == 1:
            return every
        chosen = random.Random(self.path).sample(range(len(every)), len(every) // self.every)
        return [every[i] for i in sorted(chosen)]


# NumPy is the fastest to ask; TensorFlow, which has classes first and last, comes next.
_SHARED = ("numpy", "tensorflow", "torch", "jax")

TARGETS = [
    *(
        Target(path, _SHARED)
        for path in (
            "src/unifocal/engine/pixels.py",
            "src/unifocal/engine/probabilities.py",
            "spec/unifocal_spec/regions.py",
        )
    ),
    *(
        Target(f"backends/unifocal_{framework}/{module}.py", (framework,))
        for framework in FRAMEWORKS
        for module in ("engine", "namespace")
    ),
    # The generated code is the same expressions everywhere: all of it once, then samples.
    Target("backends/unifocal_numpy/losses.py", ("numpy",)),
    *(
        Target(f"backends/unifocal_{framework}/losses.py", (framework,), every=5)
        for framework in FRAMEWORKS[1:]
    ),
]
