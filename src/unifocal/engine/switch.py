"""Whether what compiles may run: what the program said, else what the environment says."""

from __future__ import annotations

import os


class Switch:
    """True unless the program or else an environment variable, which is then 0, says otherwise."""

    def __init__(self, variable: str) -> None:
        self.variable = variable
        self.chosen: bool | None = None

    def __bool__(self) -> bool:
        if self.chosen is not None:
            return self.chosen
        return self.variable not in os.environ or os.environ[self.variable] != "0"
