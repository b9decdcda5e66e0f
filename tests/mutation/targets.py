"""What is mutated, and the frameworks whose tests are to notice."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.house.paths import ROOT
from tests.mutation.operators import Mutant, mutants

FRAMEWORKS = ("numpy", "torch", "jax", "tensorflow")

SHARED = (
    "src/unifocal/engine/pixels.py",
    "src/unifocal/engine/probabilities.py",
    "spec/unifocal_spec/regions.py",
)

SAMPLE = {"numpy": 300, "torch": 150, "tensorflow": 50, "jax": 40, "triton": 100, "numba": 40}
"""The mutants of a file that are judged, at most: many where one takes less than a second."""


@dataclass(frozen=True)
class Target:
    """A file, and the frameworks whose tests run on its mutants, the fastest first."""

    path: str
    frameworks: tuple[str, ...]

    @property
    def module(self) -> str:
        """The name under which the file is imported."""
        return ".".join(Path(self.path).with_suffix("").parts[1:])

    @property
    def source(self) -> str:
        """The text of the file."""
        return (ROOT / self.path).read_text("utf-8")

    @cached_property
    def mutants(self) -> list[Mutant]:
        """All mutants, in an order drawn once and for all: the first n are a sample."""
        every = list(mutants(self.source))
        random.Random(self.path).shuffle(every)
        return every

    def sample(self, size: int | None = None) -> list[Mutant]:
        """The mutants to judge: `size` of them, or as many as the framework leaves time for."""
        return self.mutants[: SAMPLE[self.frameworks[-1]] if size is None else size]


TARGETS = [
    *(Target(path, ("numpy", "torch")) for path in SHARED),
    # PyTorch's compiler and TensorFlow take classes apart.
    Target("src/unifocal/engine/slabs.py", ("numpy", "torch", "tensorflow")),
    # PyTorch's engine chooses between tensor code and kernels.
    Target("backends/unifocal_torch/engine.py", ("torch", "numba")),
    Target("backends/unifocal_torch/blocks.py", ("torch",)),
    Target("backends/unifocal_torch/kernels.py", ("numba",)),
    *(
        Target(f"backends/unifocal_{framework}/{module}.py", (framework,))
        for framework in FRAMEWORKS
        for module in ("engine", "namespace", "losses")
        if (framework, module) != ("torch", "engine")
    ),
    *(
        Target(f"backends/unifocal_torch/triton_{module}.py", ("triton",))
        for module in ("engine", "kernels", "math", "terms")
    ),
    *(
        Target(f"backends/unifocal_torch/numba_{module}.py", ("numba",))
        for module in ("engine", "halves", "kernels", "math", "memory", "terms")
    ),
]
