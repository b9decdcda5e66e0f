"""A step on JAX, under whatever ``keras.distribution`` is in force."""

from __future__ import annotations

from typing import Any

import jax
import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.reproduce.training.steps.step import Array, Step, full_resolution


class BackendStep(Step):
    """Compiled once per shape. Between two steps the variables live in ``_state`` alone.

    Over several devices a batch is one array in parts, and all that is computed from it is computed
    as on one device; so losses and statistics need no care.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._groups = (
            self.model.trainable_variables,
            self.model.non_trainable_variables,
            self.optimiser.variables,
        )
        self._state: Any = None
        shardings = (
            jax.tree.map(lambda x: x.sharding, self._current()) if self.devices.count > 1 else None
        )
        self._train = jax.jit(
            self._updated, donate_argnums=0, out_shardings=shardings and (None, shardings)
        )
        self._loss = jax.jit(lambda state, x, y: self.objective(y, self._outputs(state, x)))
        self._probabilities = jax.jit(
            lambda state, x: jax.nn.softmax(full_resolution(self._outputs(state, x)))
        )
        self._gradients = jax.jit(self._gradients_and_loss)

    def train(self, images: Array, labels: Array) -> Any:
        """Change the weights; the loss before."""
        state = self._current() if self._state is None else self._state
        loss, self._state = self._train(state, self._spread(images), self._spread(labels))
        return loss

    def loss(self, images: Array, labels: Array) -> float:
        """The loss as in prediction."""
        return float(self._loss(self._current(), self._spread(images), self._spread(labels)))

    def probabilities(self, images: Array) -> NDArray[np.float32]:
        """The classes' probabilities."""
        return np.asarray(self._probabilities(self._current(), self._spread(images)))

    def gradients(self, images: Array, labels: Array) -> tuple[float, list[Array]]:
        """The loss and its gradients."""
        state = self._current()
        gradients, (loss, _) = self._gradients(state, self._spread(images), self._spread(labels))
        return float(loss), [np.asarray(g) for g in gradients]

    def settle(self) -> None:
        """Write the state into Keras' variables."""
        if self._state is not None:
            for group, values in zip(self._groups, self._state, strict=True):
                for variable, value in zip(group, values, strict=True):
                    variable.assign(value)
            self._state = None

    def _current(self) -> Any:
        return tuple([variable.value for variable in group] for group in self._groups)

    def _spread(self, array: Array) -> Any:
        distribution = keras.distribution.distribution()
        if distribution is None or len(array) % self.devices.count:
            return array
        return keras.distribution.distribute_tensor(
            array, distribution.get_data_layout(array.shape)
        )

    def _outputs(self, state: Any, images: Any) -> Any:
        return self.model.stateless_call(*state[:2], images, training=False)[0]

    def _gradients_and_loss(self, state: Any, images: Any, labels: Any) -> Any:
        trainable, others, optimiser = state

        def scaled_loss(trainable: Any) -> Any:
            outputs, changed = self.model.stateless_call(trainable, others, images, training=True)
            loss = self.objective(labels, outputs)
            with keras.StatelessScope(zip(self.optimiser.variables, optimiser, strict=True)):
                return self.optimiser.scale_loss(loss), (loss, changed)

        return jax.grad(scaled_loss, has_aux=True)(trainable)

    def _updated(self, state: Any, images: Any, labels: Any) -> Any:
        gradients, (loss, others) = self._gradients_and_loss(state, images, labels)
        trainable, optimiser = self.optimiser.stateless_apply(state[2], gradients, state[0])
        return loss, (trainable, others, optimiser)
