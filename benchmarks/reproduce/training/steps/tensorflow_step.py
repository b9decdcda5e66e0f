"""A step on TensorFlow, under whatever strategy of ``tf.distribute`` is in force."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmarks.reproduce.training.distribution import part
from benchmarks.reproduce.training.steps.step import Array, Step, full_resolution


class BackendStep(Step):
    """Graphs, traced once per shape. Validation and prediction are the first device's."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.strategy = tf.distribute.get_strategy()
        self._train = tf.function(self._on_every_device)
        self._loss = tf.function(lambda x, y: self.objective(y, self.model(x, training=False)))
        self._probabilities = tf.function(
            lambda x: tf.nn.softmax(full_resolution(self.model(x, training=False)))
        )
        self._gradients = tf.function(self._value_and_gradients)

    def train(self, images: Array, labels: Array) -> Any:
        """Change the weights; the loss before."""
        return self._train(self._spread(images), tf.constant(labels))

    def loss(self, images: Array, labels: Array) -> float:
        """The loss as in prediction."""
        return float(self._loss(tf.constant(images), tf.constant(labels)))

    def probabilities(self, images: Array) -> NDArray[np.float32]:
        """The classes' probabilities."""
        return self._probabilities(tf.constant(images)).numpy()

    def gradients(self, images: Array, labels: Array) -> tuple[float, list[Array]]:
        """The loss and its gradients."""
        loss, gradients = self._gradients(tf.constant(images), tf.constant(labels))
        return float(loss), [g.numpy() for g in gradients]

    def settle(self) -> None:
        """Nothing: the variables are always up to date."""

    def _spread(self, images: Array) -> Any:
        count = self.devices.count
        if count == 1:
            return tf.constant(images)
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(part(images, context.replica_id_in_sync_group, count))
        )

    def _on_every_device(self, images: Any, labels: Any) -> Any:
        losses = self.strategy.run(self._on_one_device, (images, labels))
        return self.strategy.reduce("MEAN", losses, axis=None)

    def _on_one_device(self, images: Any, labels: Any) -> Any:
        # The optimiser sums what the devices give, and each gives the loss of the whole batch.
        loss, gradients = self._value_and_gradients(
            images, labels, lambda loss: self.optimiser.scale_loss(loss) / self.devices.count
        )
        self.optimiser.apply(gradients, self.model.trainable_variables)
        return loss

    def _value_and_gradients(self, images: Any, labels: Any, scale: Any = tf.identity) -> Any:
        with tf.GradientTape() as tape:
            outputs = self.model(images, training=True)
            loss = self.objective(labels, keras.tree.map_structure(self._whole, outputs))
            scaled = scale(loss)
        return loss, tape.gradient(scaled, [v.value for v in self.model.trainable_variables])

    def _whole(self, logits: Any) -> Any:
        if self.devices.count == 1:
            return logits
        whole = tf.distribute.get_replica_context().all_gather(logits, axis=0)
        return tf.ensure_shape(whole, (None, *logits.shape[1:]))
