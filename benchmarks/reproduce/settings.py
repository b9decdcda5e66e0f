"""What a comparison is run with, and the two profiles the command line starts from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Optimiser = Literal["sgd", "adam"]
Profile = Literal["quick", "paper"]
Backend = Literal["torch", "tensorflow", "jax"]

FOLDS = 5
LEARNING_RATES: dict[Optimiser, float] = {"sgd": 0.01, "adam": 0.003}

CONVENTIONS: dict[str, object] = {
    "mean over classes": "region losses average over background and lesion (not the printed sum)",
    "region": "every image is one region; the batch loss is the mean over its images",
    "focal alpha": "0.75 for background, 0.25 for lesion (Lin's alpha_t)",
    "tversky alpha, beta": "alpha weighs false positives, beta false negatives",
    "delta": "weighs false negatives, 1 - delta false positives",
    "lambda": "weighs the focal (pixel) half, 1 - lambda the Tversky (region) half",
    "constants": "pixel terms are divided by the pixels, not by pixels times classes",
    "network": "MIScnn's standard U-Net: conv, ReLU, batch norm; channels last; float32",
    "preprocessing": "bilinear resize of the whole image, masks cut at one half, z-score per image",
    "augmentation": "none",
    "epoch": "cases in a new order, cut into full batches; the remainder is left out of that epoch",
    "learning rate": "(1 - epoch / epochs)^0.9 of the first, set at the start of an epoch",
    "selection": "the epoch with the lowest validation loss of the same loss",
    "metrics": "per case from the argmax at the network's size, then averaged over cases",
    "undefined": "a case without lesion and without prediction is left out and counted; "
    "any other 0/0 counts as 0",
    "interval": "half-width of the 95 % t-interval over folds",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything about training that is the same for every loss and backend."""

    size: int
    epochs: int
    batch: int
    filters: int
    depth: int
    optimiser: Optimiser
    learning_rate: float
    momentum: float
    batch_norm_momentum: float
    folds: int
    seed: int = 0
    validation: float = 0.2

    def __post_init__(self) -> None:
        """Refuse what would only fail, or mean something else, minutes later."""
        if self.size % 2**self.depth:
            raise ValueError(f"size must be a multiple of {2**self.depth}, got {self.size}")
        if not 1 <= self.folds <= FOLDS:
            raise ValueError(f"folds must be 1 to {FOLDS}, got {self.folds}")
        if min(self.size, self.epochs, self.batch, self.filters, self.depth) < 1:
            raise ValueError("size, epochs, batch, filters and depth must be at least 1")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        if not (0 <= self.momentum < 1 and 0 <= self.batch_norm_momentum < 1):
            raise ValueError("momentum and batch_norm_momentum must be at least 0 and less than 1")

    def of_a_cell(self) -> dict[str, Any]:
        """What can change a cell's result: not the number of folds, not what Adam does not use."""
        unused = {"folds"} | ({"momentum"} if self.optimiser == "adam" else set())
        return {name: value for name, value in asdict(self).items() if name not in unused}


# The quick profile has a few hundred steps. Batch norm's moving averages of momentum 0.99 would
# still be near their start then; and under the paper's SGD a loss of small scale such as Focal
# would hardly move, so that the table would compare learning rates. Hence 0.9, and Adam.
PROFILES: dict[Profile, Settings] = {
    "quick": Settings(
        size=64,
        epochs=20,
        batch=8,
        filters=8,
        depth=3,
        optimiser="adam",
        learning_rate=LEARNING_RATES["adam"],
        momentum=0.99,
        batch_norm_momentum=0.9,
        folds=1,
    ),
    "paper": Settings(
        size=128,
        epochs=100,
        batch=32,
        filters=32,
        depth=4,
        optimiser="sgd",
        learning_rate=LEARNING_RATES["sgd"],
        momentum=0.99,
        batch_norm_momentum=0.99,
        folds=5,
    ),
}
