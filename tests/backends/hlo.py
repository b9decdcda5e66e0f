"""What a program that XLA has compiled reads, from the text of its optimised HLO."""

from __future__ import annotations

import re
from dataclasses import dataclass

INSTRUCTION = re.compile(
    r"^ +(?:ROOT )?%(?P<name>[\w.-]+) = (?P<shape>\w+\[[\d,]*\]|\()\S*.*? (?P<operation>[\w-]+)"
    r"\((?P<operands>[^()]*)\)(?:.*?calls=%(?P<calls>[\w.-]+))?",
    re.MULTILINE,
)
COMPUTATION = re.compile(r"^(?P<entry>ENTRY )?%(?P<name>[\w.-]+) .*?^}", re.MULTILINE | re.DOTALL)
HANDS_ON = {"tuple", "while", "fusion", "bitcast"}
MOVES = {"parameter", "copy", "transpose", "bitcast", "reshape"}


@dataclass(frozen=True)
class Instruction:
    """A line of a computation."""

    name: str
    shape: str
    operation: str
    operands: tuple[str, ...]
    calls: str | None
    """The computation of a fusion."""


@dataclass(frozen=True)
class Program:
    """Computations by name, and which of them is the one that is called."""

    computations: dict[str, list[Instruction]]
    entry: str

    def operations(self) -> list[str]:
        """All operations of all computations."""
        return [i.operation for lines in self.computations.values() for i in lines]

    def reads(self, shape: str) -> int:
        """How many operations of the entry take the parameter of this shape.

        A fusion reads what it takes once. Where one only moves entries to other places, what takes
        its result reads the parameter again. YNNPACK, which XLA has on processors alone, takes axes
        in an order of its own: what only puts them in that order is not counted.
        """
        entry = self.computations[self.entry]
        same = {i.name for i in entry if i.operation == "parameter" and i.shape == shape}
        assert len(same) == 1
        count = 0
        for instruction in entry:
            if not same & set(instruction.operands):
                continue
            if self._moves(instruction):
                same.add(instruction.name)
                takers = {i.name.partition(".")[0] for i in entry if instruction.name in i.operands}
                count += takers != {"ynn_fusion"}
            else:
                count += 1
        return count

    def readers(self, shape: str) -> list[str]:
        """The operations, in loops and fusions too, that take an array of this shape.

        What only hands arrays on, from one loop or computation to another, reads nothing.
        """
        found = []
        for lines in self.computations.values():
            shaped = {i.name for i in lines if i.shape == shape}
            found += [
                i.operation
                for i in lines
                for operand in i.operands
                if operand in shaped and i.operation not in HANDS_ON
            ]
        return found

    def _moves(self, instruction: Instruction) -> bool:
        if instruction.calls is None:
            return instruction.operation in MOVES
        return {i.operation for i in self.computations[instruction.calls]} <= MOVES


def parse(text: str) -> Program:
    """Read the text of a compiled program."""
    computations, entries = {}, []
    for found in COMPUTATION.finditer(text):
        computations[found["name"]] = [
            Instruction(
                line["name"],
                line["shape"],
                line["operation"],
                tuple(re.findall(r"%([\w.-]+)", line["operands"])),
                line["calls"],
            )
            for line in INSTRUCTION.finditer(found[0])
        ]
        entries += [found["name"]] if found["entry"] else []
    (entry,) = entries
    return Program(computations, entry)
