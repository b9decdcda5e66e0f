"""How a network is trained on a data set: the same for every loss and backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Backend = Literal["torch", "tensorflow", "jax"]
Optimiser = Literal["sgd", "adam"]
Schedule = Literal["poly", "plateau"]
DeepSupervision = Literal["none", "paper", "nnunet"]
Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]

CHOICES = {
    "optimiser": get_args(Optimiser),
    "schedule": get_args(Schedule),
    "deep_supervision": get_args(DeepSupervision),
    "precision": get_args(Precision),
    "distribution": ("none", "data"),
}

CONVENTIONS: dict[str, object] = {
    "mean over classes": "region losses average over all classes (not the printed sum)",
    "region": "every image is one region; the batch loss is the mean over its images",
    "focal alpha": "0.75 for background, 0.25 for foreground (Lin's alpha_t)",
    "tversky alpha, beta": "alpha weighs false positives, beta false negatives",
    "delta": "weighs false negatives, 1 - delta false positives",
    "lambda": "weighs the focal (pixel) half, 1 - lambda the Tversky (region) half",
    "constants": "pixel terms are divided by the pixels, not by pixels times classes",
    "preprocessing": "clipped and resampled as the settings say, z-score per image",
    "learning rate": "poly is (1 - epoch / epochs)^0.9 of the first, set at the start of an epoch",
    "selection": "the epoch with the lowest validation loss of the same loss",
    "metrics": "per case and class from the argmax at the network's resolution, then averaged over "
    "cases",
    "undefined": "a case with neither truth nor prediction of a class is left out and counted; any "
    "other 0/0 counts as 0",
    "interval": "half-width of the 95 % t-interval over folds",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything about training but the loss, the fold and the backend."""

    shape: tuple[int, ...]
    """What the network sees: the whole image, or a patch of it where windows overlap."""
    batch: int
    epochs: int
    optimiser: Optimiser
    learning_rate: float
    momentum: float
    schedule: Schedule
    minimum_rate: float
    steps: int | None = None
    """Of an epoch; None for one pass over the cases."""
    overlap: tuple[int, ...] | None = None
    """Of the windows of a prediction, in pixels; None where the network sees whole images."""
    augment: bool = False
    architecture: Literal["miscnn", "ronneberger2015", "cicek2016"] = "miscnn"
    filters: int = 32
    depth: int = 4
    batch_norm_momentum: float = 0.99
    deep_supervision: DeepSupervision = "none"
    precision: Precision = "float32"
    distribution: Literal["none", "data"] = "none"
    seed: int = 0
    validation: float = 0.2

    def __post_init__(self) -> None:
        """Refuse what would only fail, or mean something else, minutes later."""
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}"
                )
        if self.architecture != "ronneberger2015" and any(n % 2**self.depth for n in self.shape):
            raise ValueError(
                f"shape must have multiples of {2**self.depth} at depth {self.depth}, "
                f"got {self.shape}"
            )
        for name in ("batch", "epochs", "filters", "depth"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        for name in ("momentum", "batch_norm_momentum", "validation"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        if self.overlap is not None and not all(
            0 <= o < n for o, n in zip(self.overlap, self.shape, strict=True)
        ):
            raise ValueError(
                f"overlap must be shorter than shape, {self.shape}, got {self.overlap}"
            )
