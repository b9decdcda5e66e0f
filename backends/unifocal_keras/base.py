"""What all Keras losses share: Keras' conventions outside, the active backend's engine inside.

Works under the TensorFlow, JAX and PyTorch backends of Keras 3 (and under NumPy's).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from unifocal.dispatch import kernel, load_backend
from unifocal_spec.contract import OPTIONS
from unifocal_spec.options import check_early


class RegionLoss(keras.losses.Loss):
    """A loss per sample, reduced by Keras."""

    def __init__(
        self,
        loss: str,
        reduction: str | None,
        name: str | None,
        dtype: Any,
        keywords: dict[str, Any],
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        backend = keras.backend.backend()
        self.engine = load_backend(backend)
        self.kernel = kernel(loss, backend)
        check_early(self.kernel.hyperparameters, keywords)
        self.keywords = keywords

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the reduced loss; `sample_weight` weighs samples, or pixels if it has them."""
        # Keras multiplies losses by sample_weight, but a pixel's weight belongs inside the sums.
        if sample_weight is not None:
            sample_weight = keras.ops.convert_to_tensor(sample_weight)
            rank = len(sample_weight.shape)
            if rank > 1:
                return super().__call__((y_true, sample_weight), y_pred)
            if rank == 1 and self.keywords["over"] == "batch":
                ones = (1,) * (len(y_pred.shape) - 2)
                sample_weight = keras.ops.reshape(sample_weight, (-1, *ones))
                return super().__call__((y_true, sample_weight), y_pred)
        return super().__call__((y_true,), y_pred, sample_weight)

    def call(self, y_true: tuple[Any, ...], y_pred: Any) -> Any:
        """Return one loss per sample, from (target,) or (target, pixel weight)."""
        target, weight = (*y_true, None)[:2]
        keywords = dict(self.keywords)
        if keywords["axis"] is None:
            first = keras.config.image_data_format() == "channels_first"
            keywords["axis"] = 1 if first else -1
        axis, rank = keywords["axis"] % len(y_pred.shape), len(y_pred.shape)

        def drop_class_axis(x: Any) -> Any:
            return keras.ops.squeeze(x, axis) if len(x.shape) == rank and x.shape[axis] == 1 else x

        # Keras hands over class indices as floats, and often with a class axis of length 1.
        if y_pred.shape[axis] != 1 or keywords["ignore_index"] is not None:
            target = drop_class_axis(target)
        if len(target.shape) == rank - 1:
            target = keras.ops.cast(target, "int32")
        if weight is not None:
            weight = drop_class_axis(weight)
        options = {k: v for k, v in keywords.items() if k in OPTIONS}
        hyper = {k: v for k, v in keywords.items() if k not in OPTIONS}
        return self.engine.evaluate(
            self.kernel, y_pred, target, weight=weight, reduction="none", hyper=hyper, **options
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, as plain JSON values."""

        def plain(value: Any) -> Any:
            iterable = hasattr(value, "__iter__") and not isinstance(value, str)
            return np.asarray(list(value)).tolist() if iterable else value

        return super().get_config() | {k: plain(v) for k, v in self.keywords.items()}
