"""Judge mutants and write the page: `python -m tests.mutation --help`."""

from __future__ import annotations

import argparse
import sys
from fnmatch import fnmatchcase

from tqdm import tqdm

from tests.mutation.report import PAGE, Result, page, unexplained
from tests.mutation.run import Verdicts, run
from tests.mutation.targets import TARGETS

LEAST = 0.95
"""The share of mutants that must be killed in every file."""


def main() -> int:
    """Judge, write, and fail if too many survive or one of them without a reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--only", default="*", help="files to judge, a pattern such as '*jax*'")
    parser.add_argument("--timeout", type=float, default=600, help="seconds per mutant")
    arguments = parser.parse_args()

    verdicts = Verdicts()
    for target in TARGETS:
        if fnmatchcase(target.path, arguments.only):
            with tqdm(total=len(target.mutants()), desc=target.path) as bar:
                known = sum(verdicts.get(target, m) is not None for m in target.mutants())
                bar.update(known)
                run(target, verdicts, arguments.timeout, bar.update)

    results = [Result(target, verdicts) for target in TARGETS]
    PAGE.write_text(page(results), "utf-8")
    silent = unexplained(results)
    weak = [f"{r.target.path}: {100 * r.killed:.1f} % killed" for r in results if r.killed < LEAST]
    for line in [*weak, *silent]:
        print(line)
    return 1 if silent or weak else 0


if __name__ == "__main__":
    sys.exit(main())
