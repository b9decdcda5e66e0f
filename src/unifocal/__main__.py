"""`python -m unifocal` with one of `generate [--check]`, `golden [--check]` and `prove`."""

from __future__ import annotations

import argparse
import sys


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


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m unifocal", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    checked = {
        "generate": (_generate, "write all generated files"),
        "golden": (_golden, "compute the golden vectors, in about a minute, and write them"),
    }
    for name, (_, meaning) in checked.items():
        command = commands.add_parser(name, help=meaning)
        command.add_argument("--check", action="store_true", help="compare only; fail with a diff")
    commands.add_parser("prove", help="decide every claim and erratum, and print the table")
    options = parser.parse_args(arguments)
    if options.command == "prove":
        return _prove()
    return checked[options.command][0](options.check)


if __name__ == "__main__":
    sys.exit(main())
