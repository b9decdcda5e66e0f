"""The command line: `unifocal` with `generate`, `golden`, `prove`, `certify` or `conformance`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
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


def _certify(options: argparse.Namespace) -> int:
    from unifocal.certificate import certify
    from unifocal.certificate.measure import Settings

    settings = Settings(options.losses, options.device, options.quick)
    order = certify.Order(options.out, options.backends, settings, options.jobs, options.readme)
    return certify.run(order)


def _names(*known: str) -> Callable[[str], tuple[str, ...]]:
    """Return a parser of comma-separated names, which keeps the order of what is known."""

    def parse(text: str) -> tuple[str, ...]:
        asked = {name.strip() for name in text.split(",")}
        if unknown := sorted(asked - set(known)):
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return tuple(name for name in known if name in asked)

    return parse


def _add_certify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from unifocal_spec import LOSSES

    frameworks, losses = ("numpy", "torch", "jax", "tensorflow"), tuple(LOSSES)
    command = commands.add_parser(
        "certify",
        help="measure every loss on every framework and device of this machine",
        description="Measure the error of every loss, on every framework and device of this "
        "machine, against 50 digits, and write certificate.json, .md and .html. The exit status "
        "is 1 if a bound is exceeded.",
    )
    command.add_argument("--out", type=Path, default=Path("certificate"), help="folder to write to")
    command.add_argument(
        "--backends",
        type=_names(*frameworks),
        default=frameworks,
        help=f"some of {', '.join(frameworks)}, with commas; NumPy always runs",
    )
    command.add_argument(
        "--losses", type=_names(*losses), default=losses, help="some of the losses, with commas"
    )
    command.add_argument(
        "--device", choices=("cpu", "gpu", "tpu"), help="one kind of device instead of all"
    )
    command.add_argument(
        "--quick", action="store_true", help="leave out what is compiled, and large problems"
    )
    command.add_argument(
        "--jobs", type=int, default=2, help="processes at a time; 0: none but this one"
    )
    command.add_argument(
        "--readme", type=Path, help="a document that gets the overview between its marks"
    )
    command.set_defaults(run=_certify)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="unifocal", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, meaning in (
        ("generate", _generate, "write all generated files"),
        ("golden", _golden, "compute the golden vectors, in about a minute, and write them"),
    ):
        command = commands.add_parser(name, help=meaning)
        command.add_argument("--check", action="store_true", help="compare only; fail with a diff")
        command.set_defaults(run=run)
    command = commands.add_parser(
        "prove", help="decide every claim and erratum, and print the table"
    )
    command.set_defaults(run=_prove)
    _add_certify(commands)
    _add_conformance(commands)
    options = parser.parse_args(arguments)
    status: int = options.run(options)
    return status


if __name__ == "__main__":
    sys.exit(main())
