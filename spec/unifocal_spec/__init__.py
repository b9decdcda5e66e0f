"""What every loss means: definitions, options, claims and errata, without any framework.

| place           | what it holds                                                            |
|-----------------|--------------------------------------------------------------------------|
| `losses.py`     | the ten losses, each written once beside the paper's equation            |
| `definition.py` | what a definition is: pixel term, region term, combination               |
| `contract.py`   | the array names that a definition may use                                |
| `options.py`    | the keywords common to all losses, checked and resolved                  |
| `reference.py`  | a definition run from logits to loss on any array namespace              |
| `regions.py`    | from the sums of a region to its loss and slopes, for every engine       |
| `kernel.py`     | what generated code hands to an engine                                   |
| `claims/`       | which loss is a special case of which, and which arrows of Fig. 1 are false |
| `errata/`       | where the paper's print is wrong, and what tells it                      |
| `equations/`    | the mathematics, rendered from the definitions (generated)               |
"""

from unifocal_spec.contract import OPTIONS
from unifocal_spec.definition import ClassSet, ClassWeight, Hyperparameter, Loss, Number
from unifocal_spec.kernel import Kernel, Part
from unifocal_spec.losses import LOSSES
from unifocal_spec.options import Plan, make_plan
from unifocal_spec.reference import evaluate

__all__ = [
    "LOSSES",
    "OPTIONS",
    "ClassSet",
    "ClassWeight",
    "Hyperparameter",
    "Kernel",
    "Loss",
    "Number",
    "Part",
    "Plan",
    "evaluate",
    "make_plan",
]
