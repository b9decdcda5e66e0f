"""A process that judges mutants, one after the other, and can be stopped when one hangs."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import tempfile
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType

from tests.mutation.judge import Verdict, judge, save_truths

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "UNIFOCAL_NUMBA": "0",  # the tests of its kernels ask for them
    "TF_ENABLE_ONEDNN_OPTS": "0",
    # JAX compiles every call of every mutant: fast code is not what matters here, and what a
    # mutant leaves as it was need not be compiled again.
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


PATIENCE = 20
"""How many times longer than its processor time a mutant may take, on a machine that is busy."""


class Worker:
    """Judges mutants in a process of its own, each for `timeout` seconds of processor time."""

    def __init__(self, frameworks: Sequence[str], truths: Path, timeout: float) -> None:
        self.timeout = timeout
        context = get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(there, tuple(frameworks), truths, timeout), daemon=True
        )
        self._process.start()
        there.close()

    def judge(self, module: str, source: str, few: bool = False) -> Verdict:
        """Judge one mutant; it counts as killed if it hangs or takes the process with it."""
        hung = False
        try:
            self._here.send((module, source, few))
            hung = not self._here.poll(PATIENCE * self.timeout)
            if not hung:
                return Verdict(*self._here.recv())
        except (EOFError, OSError):
            pass
        self.stop()
        if hung or self._process.exitcode == -signal.SIGPROF:
            return Verdict("timeout", message=f"no verdict in {self.timeout:g} s")
        return Verdict("crashed", message="the process ended")

    @property
    def alive(self) -> bool:
        """Whether it can judge another one."""
        return self._process.is_alive()

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._here.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self.alive:
            self.stop()


def _serve(
    connection: Connection, frameworks: tuple[str, ...], truths: Path, timeout: float
) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # mutants make frameworks complain at length
    os.environ.update(ENVIRONMENT, JAX_COMPILATION_CACHE_DIR=str(truths.parent / "jax"))
    if "triton" in frameworks:
        os.environ["TRITON_INTERPRET"] = "1"
    if {"torch", "tensorflow"} <= set(frameworks):
        # as torch.compile would, but after TensorFlow it crashes
        with contextlib.suppress(ImportError):
            importlib.import_module("triton")
    for framework in ("torch", *frameworks):  # PyTorch before TensorFlow
        if framework in frameworks:
            importlib.import_module(framework)
    _be_quiet(frameworks)
    with tempfile.TemporaryDirectory() as folder:
        number = 0
        while True:
            module, source, few = connection.recv()
            number += 1  # frameworks cache what they read by the file's name
            file = Path(folder) / f"mutant_{number}.py"
            file.write_text(source, "utf-8")
            signal.setitimer(signal.ITIMER_PROF, timeout)  # ends the process, whatever it does
            verdict = judge(module, file, frameworks, truths, few)
            signal.setitimer(signal.ITIMER_PROF, 0)
            if not verdict.killed:
                save_truths(truths)
            connection.send(tuple(verdict))


def _be_quiet(frameworks: Sequence[str]) -> None:
    if "tensorflow" in frameworks:
        importlib.import_module("tensorflow").get_logger().setLevel("ERROR")
    if "torch" in frameworks:
        importlib.import_module("torch").set_num_threads(1)
