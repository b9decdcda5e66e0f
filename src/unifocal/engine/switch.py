"""Whether what compiles may run: what the program said, else what the environment says."""

from __future__ import annotations

import os


class Switch:
    """True unless the program or else an environment variable, which is then 0, says otherwise."""

    def __init__(self, variable: str) -> None:
        self.variable = variable
        self.chosen: bool | None = None

    def __bool__(self) -> bool:
        return os.environ.get(self.variable, "1") != "0" if self.chosen is None else self.chosen
