"""What a batch does to a network, on the backend of Keras that is active."""

from __future__ import annotations

from importlib import import_module

import keras

from benchmarks.reproduce.training.distribution import Devices
from benchmarks.reproduce.training.steps.step import Step
from benchmarks.reproduce.training.supervision import Objective

__all__ = ["Step", "make_step"]


def make_step(
    model: keras.Model,
    objective: Objective,
    optimiser: keras.optimizers.Optimizer,
    devices: Devices,
) -> Step:
    """The active backend's step; no other backend is imported."""
    module = import_module(f"{__name__}.{keras.backend.backend()}_step")
    step: Step = module.BackendStep(model, objective, optimiser, devices)
    return step
