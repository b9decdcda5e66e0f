"""A step on PyTorch, in one process or in one per device."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from benchmarks.reproduce.training.distribution import part
from benchmarks.reproduce.training.steps.step import Array, Step, full_resolution

tensor = keras.ops.convert_to_tensor


class BackendStep(Step):
    """Eager, with PyTorch's own gradients."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        parallel = self.devices.count > 1
        self.forward = DistributedDataParallel(self.model) if parallel else self.model

    def train(self, images: Array, labels: Array) -> Any:
        """Change the weights; the loss before."""
        loss = self._backward(images, labels, self.optimiser.scale_loss)
        with torch.no_grad():
            self.optimiser.apply(self._gradients(), self.model.trainable_variables)
        return loss

    def loss(self, images: Array, labels: Array) -> float:
        """The loss as in prediction."""
        with torch.no_grad():
            return float(self.objective(tensor(labels), self.model(tensor(images))))

    def probabilities(self, images: Array) -> NDArray[np.float32]:
        """The classes' probabilities."""
        with torch.no_grad():
            logits = full_resolution(self.model(tensor(images)))
            return torch.softmax(logits, -1).cpu().numpy()

    def gradients(self, images: Array, labels: Array) -> tuple[float, list[Array]]:
        """The loss and its gradients."""
        loss = self._backward(images, labels, lambda loss: loss)
        return float(loss), [g.cpu().numpy() for g in self._gradients()]

    def settle(self) -> None:
        """Give all processes the mean of their moving averages."""
        if self.devices.count > 1:
            for variable in self.model.non_trainable_variables:
                if variable.value.is_floating_point():
                    distributed.all_reduce(variable.value.data)
                    variable.value.data /= self.devices.count

    def close(self) -> None:
        """Let go of the group of processes.

        Its threads are waited for when nothing holds it any more. Where the last to hold it is
        DistributedDataParallel, Python's lock is held meanwhile, which a thread may be waiting for.
        """
        self.forward = self.model

    def _backward(self, images: Array, labels: Array, scale: Any) -> Any:
        self.model.zero_grad()
        outputs = self.forward(tensor(self._part(images)), training=True)
        loss = self.objective(tensor(labels), keras.tree.map_structure(self._whole, outputs))
        # Each process has the part of the gradient that comes by way of its own logits. The whole
        # is the sum of these parts, where DistributedDataParallel takes their mean.
        (scale(loss) * self.devices.count).backward()
        return loss.detach()

    def _gradients(self) -> list[Any]:
        return [variable.value.grad for variable in self.model.trainable_variables]

    def _part(self, images: Array) -> Array:
        return part(images, self.devices.rank, self.devices.count)

    def _whole(self, logits: Any) -> Any:
        """The logits of all processes, of which only one's own have a gradient."""
        if self.devices.count == 1:
            return logits
        parts = [torch.empty_like(logits) for _ in range(self.devices.count)]
        distributed.all_gather(parts, logits.detach().contiguous())
        parts[self.devices.rank] = logits
        return torch.cat(parts)
