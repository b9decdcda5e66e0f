"""Run measurements in processes of their own, a few at a time, and hear how far they are.

Each backend gets a fresh process: frameworks do not like to share one, a crash costs one backend
only, and what a compiler keeps in memory is gone with it.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from unifocal.certificate.backends import Backend
from unifocal.certificate.measure import Report, Settings, measure

_SECONDS = {
    "TORCH_COMPILE": 130,
    "JAX": 50,
    "TENSORFLOW_XLA": 30,
    "TENSORFLOW": 25,
    "TENSORFLOW_GRAPH": 20,
    "JAX_JIT": 15,
}
"""Roughly what a backend takes: the longest start first, so that no core idles at the end."""

Outcome = list[Report] | str
"""What a backend's process found, or why it found nothing."""


@dataclass(frozen=True)
class Progress:
    """What to call when something happens."""

    started: Callable[[Backend], None]
    advanced: Callable[[Backend, int], None]
    ended: Callable[[Backend], None]


def measure_all(
    backends: list[Backend], settings: Settings, jobs: int, progress: Progress
) -> dict[Backend, Outcome]:
    """Measure every backend in `jobs` processes at a time; with 0, one after another in this one."""
    ordered = sorted(backends, key=lambda backend: -_SECONDS.get(backend.name, 0))
    run = _here(ordered, settings, progress) if jobs == 0 else None
    found = dict(run or _in_processes(ordered, settings, jobs, progress))
    return {backend: found[backend] for backend in backends}


def _here(
    backends: list[Backend], settings: Settings, progress: Progress
) -> Iterator[tuple[Backend, Outcome]]:
    for backend in backends:
        progress.started(backend)
        yield backend, _attempt(backend, settings, lambda n, b=backend: progress.advanced(b, n))
        progress.ended(backend)


def _attempt(backend: Backend, settings: Settings, tell: Callable[[int], None]) -> Outcome:
    try:
        return measure(backend, settings, tell)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


# Processes ----------------------------------------------------------------------------------------


def _environment(jobs: int) -> dict[str, str]:
    """What frameworks read when they are first imported, where the user has not set it."""
    share = max(1, (os.cpu_count() or 1) // jobs)
    return {
        "OMP_NUM_THREADS": str(share),  # threads that wait for each other spin
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Several processes share an accelerator: none may take all of its memory.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }


def _child(backend: Backend, settings: Settings, jobs: int, channel: Connection) -> None:
    """The body of a process."""
    for name, value in _environment(jobs).items():
        os.environ.setdefault(name, value)
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    channel.send(_attempt(backend, settings, channel.send))


def _in_processes(
    backends: list[Backend], settings: Settings, jobs: int, progress: Progress
) -> Iterator[tuple[Backend, Outcome]]:
    context = multiprocessing.get_context("spawn")
    waiting = list(backends)
    running: dict[Connection, tuple[Backend, BaseProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                backend = waiting.pop(0)
                channel, end = context.Pipe(duplex=False)
                process = context.Process(target=_child, args=(backend, settings, jobs, end))
                process.start()
                end.close()  # so that its other end is closed when the process dies
                running[channel] = backend, process
                progress.started(backend)
            for channel in wait(list(running)):
                assert isinstance(channel, Connection)
                backend, process = running[channel]
                message = _receive(channel, process)
                if isinstance(message, int):
                    progress.advanced(backend, message)
                    continue
                yield backend, message
                progress.ended(backend)
                process.join()
                channel.close()
                del running[channel]
    finally:
        for _, process in running.values():
            process.terminate()


def _receive(channel: Connection, process: BaseProcess) -> int | Outcome:
    try:
        message: int | Outcome = channel.recv()
    except EOFError:
        process.join()
        return f"the process ended with status {process.exitcode}"
    return message
