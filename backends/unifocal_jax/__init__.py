"""The losses for JAX: functions of logits and target."""

from unifocal_jax.losses import *  # noqa: F403
from unifocal_jax.losses import __all__ as __all__
