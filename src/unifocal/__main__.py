"""The command line: `unifocal` with one of `generate`, `golden`, `prove` and `certify`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def _generate(check: bool) -> int:
    from unifocal.compiler import generate

    if not check:
        changed = generate.write()
        print("\n".join(f"wrote {path}" for path in changed) or "everything was up to date")
        return 0
    difference = generate.check()
    print(difference or "generated files are up to date")
    return 1 if difference else 0


def _golden(check: bool) -> int:
    from unifocal.certificate import golden

    if not check:
        changed = golden.write()
        print("\n".join(f"wrote {name}" for name in changed) or "everything was up to date")
        return 0
    difference = golden.check()
    print(difference or "golden vectors are what the oracle computes")
    return 1 if difference else 0


def _prove() -> int:
    from unifocal.proofs import prove

    verdicts = prove.prove_all()
    print(prove.table(verdicts))
    return 0 if all(v.ok for v in verdicts) else 1


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


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="unifocal", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    checked = {
        "generate": (_generate, "write all generated files"),
        "golden": (_golden, "compute the golden vectors, in about a minute, and write them"),
    }
    for name, (_, meaning) in checked.items():
        command = commands.add_parser(name, help=meaning)
        command.add_argument("--check", action="store_true", help="compare only; fail with a diff")
    commands.add_parser("prove", help="decide every claim and erratum, and print the table")
    _add_certify(commands)
    options = parser.parse_args(arguments)
    if options.command == "prove":
        return _prove()
    if options.command == "certify":
        return _certify(options)
    return checked[options.command][0](options.check)


if __name__ == "__main__":
    sys.exit(main())
