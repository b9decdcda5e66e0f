"""What the steps of all backends have in common.

Keras' own ``train_on_batch`` reports a running mean in place of the batch's loss, waits for every
step's number, and knows nothing of several devices on PyTorch; hence these custom loops, of which
Keras documents one for each backend.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.reproduce.training.distribution import Devices
from benchmarks.reproduce.training.supervision import Objective

Array = NDArray[Any]


class Step(ABC):
    """A network with its loss and optimiser. Batches are NumPy arrays, always of the same shape."""

    def __init__(
        self,
        model: keras.Model,
        objective: Objective,
        optimiser: keras.optimizers.Optimizer,
        devices: Devices,
    ) -> None:
        self.model, self.objective = model, objective
        self.optimiser, self.devices = optimiser, devices
        optimiser.build(model.trainable_variables)

    @abstractmethod
    def train(self, images: Array, labels: Array) -> Any:
        """Change the weights; the loss before, which may still be being computed."""

    @abstractmethod
    def loss(self, images: Array, labels: Array) -> float:
        """The loss as in prediction, changing nothing."""

    @abstractmethod
    def probabilities(self, images: Array) -> NDArray[np.float32]:
        """The classes' probabilities at full resolution."""

    @abstractmethod
    def gradients(self, images: Array, labels: Array) -> tuple[float, list[Array]]:
        """The loss and its gradient by every trainable weight, changing no trainable weight."""

    @abstractmethod
    def settle(self) -> None:
        """After the steps of an epoch: bring Keras' variables up to date, on every device."""

    def set_rate(self, rate: float) -> None:
        """The learning rate from now on."""
        self.optimiser.learning_rate = rate

    def close(self) -> None:  # noqa: B027
        """Let go of what several processes share, before they part."""

    @property
    def variables(self) -> list[keras.Variable]:
        """All that a step changes: weights, statistics, random state, and the optimiser's."""
        return [*self.model.variables, *self.optimiser.variables]

    def snapshot(self, network_only: bool = False) -> list[Array]:
        """A copy of the variables. Settle before."""
        variables = self.model.variables if network_only else self.variables
        return [np.array(keras.ops.convert_to_numpy(v)) for v in variables]

    def restore(self, values: Sequence[Array]) -> None:
        """Go back to a snapshot. The network's variables come first, so that they may be alone."""
        for variable, value in zip(self.variables, values, strict=False):
            variable.assign(value)


def full_resolution(outputs: Any) -> Any:
    """The logits of the image's own grid, with or without deep supervision."""
    return outputs[0] if isinstance(outputs, list | tuple) else outputs
