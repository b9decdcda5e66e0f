"""The losses for Keras 3: one `keras.losses.Loss` per loss, on every backend of Keras."""

from unifocal.dispatch import require

require("keras")

from unifocal_keras.losses import *  # noqa: E402, F403
from unifocal_keras.losses import __all__ as __all__  # noqa: E402
