"""`python -m unifocal generate [--check]` and `python -m unifocal prove`."""

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


def _prove() -> int:
    from unifocal.proofs import prove

    verdicts = prove.prove_all()
    print(prove.table(verdicts))
    return 0 if all(v.ok for v in verdicts) else 1


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m unifocal", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    generate = commands.add_parser("generate", help="write all generated files")
    generate.add_argument("--check", action="store_true", help="compare only; fail with a diff")
    commands.add_parser("prove", help="decide every claim and erratum, and print the table")
    options = parser.parse_args(arguments)
    return _generate(options.check) if options.command == "generate" else _prove()


if __name__ == "__main__":
    sys.exit(main())
