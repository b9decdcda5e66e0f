"""`python -m unifocal` with one of `generate`, `golden`, `prove` and `conformance`."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def _generate(options: argparse.Namespace) -> int:
    from unifocal.compiler import generate

    if not options.check:
        changed = generate.write()
        print("\n".join(f"wrote {path}" for path in changed) or "everything was up to date")
        return 0
    difference = generate.check()
    print(difference or "generated files are up to date")
    return 1 if difference else 0


def _golden(options: argparse.Namespace) -> int:
    from unifocal.certificate import golden

    if not options.check:
        changed = golden.write()
        print("\n".join(f"wrote {name}" for name in changed) or "everything was up to date")
        return 0
    difference = golden.check()
    print(difference or "golden vectors are what the oracle computes")
    return 1 if difference else 0


def _conformance(options: argparse.Namespace) -> int:
    from unifocal import conformance

    loss = options.loss or options.function.rpartition(":")[2].rpartition(".")[2]
    try:
        report = conformance.inspect(
            conformance.find(options.function),
            loss,
            name=options.function,
            axis=options.axis,
            input=options.input,
            target=options.target,
            tolerance=options.tolerance,
        )
    except conformance.ConformanceError as error:
        print(error, file=sys.stderr)
        return 2
    print(conformance.text(report))
    return 0 if report.conforms else 1


def _prove(options: argparse.Namespace) -> int:
    from unifocal.proofs import prove

    verdicts = prove.prove_all()
    print(prove.table(verdicts))
    return 0 if all(v.ok for v in verdicts) else 1


def _add_conformance(commands: Any) -> None:
    from unifocal.conformance.inspection import TOLERANCE

    command = commands.add_parser(
        "conformance", help="find out what somebody else's loss computes, and where it departs"
    )
    command.add_argument(
        "function",
        metavar="MODULE:FUNCTION",
        help="function(logits, target, **hyperparameters) on NumPy arrays, giving the value, or "
        "value and gradient",
    )
    command.add_argument("--loss", help="which loss it claims to be; default: its name")
    open_ways = "default: every way is tried"
    command.add_argument("--axis", type=int, choices=(1, -1), help=f"class axis; {open_ways}")
    command.add_argument("--input", choices=("logits", "probabilities"), help=open_ways)
    command.add_argument("--target", choices=("index", "one-hot"), help=open_ways)
    command.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        help="relative; default: %(default)g",
    )
    command.set_defaults(run=_conformance)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m unifocal", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, meaning in (
        ("generate", _generate, "write all generated files"),
        ("golden", _golden, "compute the golden vectors, in about a minute, and write them"),
    ):
        command = commands.add_parser(name, help=meaning)
        command.add_argument("--check", action="store_true", help="compare only; fail with a diff")
        command.set_defaults(run=run)
    meaning = "decide every claim and erratum, and print the table"
    commands.add_parser("prove", help=meaning).set_defaults(run=_prove)
    _add_conformance(commands)
    options = parser.parse_args(arguments)
    status: int = options.run(options)
    return status


if __name__ == "__main__":
    sys.exit(main())
