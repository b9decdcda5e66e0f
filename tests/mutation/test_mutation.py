"""Mutants are what they should be, and the judge knows a fault from the code as it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutation.__main__ import LEAST
from tests.mutation.judge import Verdict
from tests.mutation.operators import OPERATORS, mutants
from tests.mutation.report import PAGE, UNKNOWN, Result, page, total, unexplained
from tests.mutation.run import Verdicts
from tests.mutation.targets import TARGETS, Target
from tests.mutation.worker import Worker

NAMESPACE = next(t for t in TARGETS if t.path == "backends/unifocal_numpy/namespace.py")

EXAMPLE = '''
"""A module."""
__all__ = ["f"]
def f(x: int | None, y, *, keepdims=True):
    """A text."""
    if x is None or y < 1:
        raise ValueError("no " + "x")
    y += 2
    a = (x, y) if keepdims else np.sum(x, axis=0)
    return g(-x * y, a)
'''


def found(source: str) -> dict[str, str]:
    return {m.what: m.operator for m in mutants(source)}


def test_every_operator_finds_something_to_do() -> None:
    assert set(found(EXAMPLE).values()) == {operator.__name__ for operator in OPERATORS}


def test_mutants_can_be_parsed_and_differ() -> None:
    sources = [m.source for m in mutants(EXAMPLE)]
    assert len({ast.dump(ast.parse(s)) for s in [EXAMPLE, *sources]}) == 1 + len(sources) > 20


def test_what_says_nothing_is_left_alone() -> None:
    for mutant in mutants(EXAMPLE):
        assert '"""A text."""' in mutant.source
        assert "x: int | None" in mutant.source
        assert "__all__ = ['f']" in mutant.source
        assert "ValueError('no ' + 'x')" in mutant.source or "→ pass" in mutant.what


def test_a_sample_is_the_beginning_of_a_larger_one() -> None:
    assert NAMESPACE.sample(7) == NAMESPACE.sample(20)[:7]
    assert len({m.what for m in NAMESPACE.mutants}) == len(NAMESPACE.mutants)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    folder: Path = tmp_path_factory.mktemp("mutation")
    with Worker(["numpy"], folder / "truths.pickle", timeout=300) as worker:
        yield worker


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (("", ""), "survived"),
        (("np.sum(x, axis=axis, dtype=np.float64)", "np.sum(x) + 0 * np.sum(x, axis)"), "wrong"),
        (("return x.astype(dtype, copy=False)", "return dtype.astype(x)"), "crashed"),
        (("np.maximum(x, np.finfo(x.dtype).tiny)", "exec('raise SystemExit')"), "crashed"),
    ],
)
def test_the_judge(worker: Worker, change: tuple[str, str], outcome: str) -> None:
    source = NAMESPACE.source.replace(*change)
    verdict = worker.judge(NAMESPACE.module, source, few=True)
    assert verdict.outcome == outcome, verdict


def test_a_mutant_that_ends_the_process_is_dead(tmp_path: Path) -> None:
    with Worker(["numpy"], tmp_path / "truths.pickle", timeout=300) as worker:
        verdict = worker.judge(NAMESPACE.module, "import os\nos._exit(1)")
        assert verdict.outcome == "crashed"
        assert not worker.alive


def test_a_mutant_that_hangs_is_stopped(tmp_path: Path) -> None:
    with Worker(["numpy"], tmp_path / "truths.pickle", timeout=3) as worker:
        verdict = worker.judge(NAMESPACE.module, "while True: pass")
        assert verdict.outcome == "timeout"


class Known(Verdicts):
    """Verdicts by the first letters of what was changed."""

    def __init__(self, survivors: int) -> None:
        self.survivors = survivors

    def get(self, target: Target, mutant: object) -> object:
        place = target.mutants.index(mutant)
        return Verdict("survived" if place < self.survivors else "wrong")


def test_the_share_of_the_killed() -> None:
    size = len(NAMESPACE.mutants)
    whole = Result(NAMESPACE, NAMESPACE.mutants, Known(2))
    assert total([whole]) == (pytest.approx(1 - 2 / size),) * 3
    half = Result(NAMESPACE, NAMESPACE.sample(size // 2), Known(2))
    share, low, high = total([half])
    assert share == pytest.approx(1 - 2 / (size // 2))
    assert low < share < high < 1
    assert len(unexplained([half])) == 2


def test_the_page_hides_no_survivor_and_no_file_without_verdicts() -> None:
    known = Result(NAMESPACE, NAMESPACE.sample(10), Known(1))
    unknown = Result(TARGETS[0], [], Known(0))
    text = page([known, unknown])
    assert "**90.0 % are killed**" in text
    assert "by 10 judged of" in text
    assert "mutants in 1 of 2 files" in text
    assert text.count("not judged yet") == 1
    assert f"{UNKNOWN}\n\n* `{NAMESPACE.path}`, `{NAMESPACE.mutants[0].what}`\n" in text


def test_the_page_shows_every_file_and_enough_that_is_dead() -> None:
    text = PAGE.read_text("utf-8")
    assert all(f"| `{target.path}` |" in text for target in TARGETS)
    share = re.search(r"\*\*([\d.]+) % are killed\*\*", text)
    assert share
    assert float(share[1]) >= 100 * LEAST
    assert UNKNOWN not in text


def test_verdicts_are_kept_while_their_file_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "verdicts.json"
    survivor, killed, changed = NAMESPACE.sample(3)
    verdicts = Verdicts(file)
    wrong = Verdict("wrong", "a test", True, "what only this machine knows")
    verdicts.keep(NAMESPACE, [(survivor, Verdict("survived")), (killed, wrong)])
    verdicts.keep(Target("gone.py", ("numpy",)), [(changed, wrong)])
    assert len(file.read_text("utf-8").splitlines()) == 2 + 3
    verdicts.forget_all_but([NAMESPACE])
    again = Verdicts(file)
    assert again.get(NAMESPACE, killed) == wrong._replace(message="")
    assert again.get(NAMESPACE, survivor) == Verdict("survived")
    assert again.holds(NAMESPACE, survivor)
    assert again.get(NAMESPACE, changed) is None
    assert len(file.read_text("utf-8").splitlines()) == 2 + 2
