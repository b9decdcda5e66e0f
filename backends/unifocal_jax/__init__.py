"""The losses for JAX: functions of logits and target."""

from unifocal.dispatch import require

require("jax")

from unifocal_jax.losses import *  # noqa: E402, F403
from unifocal_jax.losses import __all__ as __all__  # noqa: E402
