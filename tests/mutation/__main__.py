"""Judge mutants and write the page: `python -m tests.mutation --help`."""

from __future__ import annotations

import argparse
import sys
from fnmatch import fnmatchcase

from tqdm import tqdm

from tests.mutation.report import PAGE, Result, page, total, unexplained
from tests.mutation.run import Verdicts, run
from tests.mutation.targets import TARGETS

LEAST = 0.95
"""The share of mutants that must be killed."""


def main() -> int:
    """Judge, write, and fail if too many survive or one of them without a reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--sample", type=int, help="judge so many mutants of every file")
    size.add_argument("--all", action="store_const", const=10**6, dest="sample", help="judge all")
    parser.add_argument("--only", default="*", help="files to judge, a pattern such as '*jax*'")
    arguments = parser.parse_args()

    verdicts = Verdicts()
    samples = [(target, target.sample(arguments.sample)) for target in TARGETS]
    for target, mutants in samples:
        if fnmatchcase(target.path, arguments.only):
            with tqdm(total=len(mutants), desc=target.path) as bar:
                run(target, mutants, verdicts, bar.update)

    verdicts.forget_all_but(TARGETS)
    results = [Result(target, mutants, verdicts) for target, mutants in samples]
    PAGE.write_text(page(results), "utf-8")
    killed, low, high = total(results)
    print(f"{killed:.1%} killed, between {low:.1%} and {high:.1%}")
    silent = unexplained(results)
    for line in silent:
        print(f"no reason for {line}")
    return 1 if silent or killed < LEAST else 0


if __name__ == "__main__":
    sys.exit(main())
