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
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from unifocal.certificate.backends import Backend
from unifocal.certificate.measure import Report, Settings, Tell, measure

_SECONDS = {
    "TORCH_COMPILE": 100,
    "JAX": 50,
    "TENSORFLOW": 35,
    "TENSORFLOW_XLA": 30,
    "TENSORFLOW_GRAPH": 20,
    "JAX_JIT": 15,
    "TORCH": 10,
}
"""Roughly what a backend takes: the longest start first, so that no core idles at the end."""

Outcome = list[Report] | str
"""What a backend's process found, or why it found nothing."""


@dataclass(frozen=True)
class Progress:
    """What to call when something happens."""

    started: Callable[[Backend], None]
    advanced: Callable[[Backend, int, int], None]
    """Takes how many steps were just done, and how many there are in all."""
    ended: Callable[[Backend], None]


def measure_all(
    backends: list[Backend], settings: Settings, jobs: int, progress: Progress
) -> dict[Backend, Outcome]:
    """Measure every backend, `jobs` processes at a time; with 0, one after another in this one."""
    ordered = sorted(backends, key=lambda backend: -_SECONDS.get(backend.name, 0))
    found = dict(
        _in_processes(ordered, settings, jobs, progress)
        if jobs
        else _here(ordered, settings, progress)
    )
    return {backend: found[backend] for backend in backends}


def _here(
    backends: list[Backend], settings: Settings, progress: Progress
) -> Iterator[tuple[Backend, Outcome]]:
    for backend in backends:
        progress.started(backend)
        yield backend, _attempt(backend, settings, partial(progress.advanced, backend))
        progress.ended(backend)


def _attempt(backend: Backend, settings: Settings, tell: Tell) -> Outcome:
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
    # What libraries of C++ write would run through the progress bar.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    channel.send(_attempt(backend, settings, lambda *steps: channel.send(steps)))


@dataclass(frozen=True)
class _Running:
    """A process at work, and the end of the pipe that it speaks into."""

    backend: Backend
    process: SpawnProcess
    channel: Connection

    def receive(self) -> tuple[int, int] | Outcome:
        """Return how many steps were done, or the outcome; a dead process says nothing more."""
        try:
            message: tuple[int, int] | Outcome = self.channel.recv()
        except EOFError:
            self.process.join()
            return f"the process ended with status {self.process.exitcode}"
        return message

    def close(self) -> None:
        """Wait for the end."""
        self.process.join()
        self.channel.close()


def _start(backend: Backend, settings: Settings, jobs: int) -> _Running:
    context = multiprocessing.get_context("spawn")
    channel, end = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(backend, settings, jobs, end))
    process.start()
    end.close()  # the child's copy is the only one left, and goes with the child
    return _Running(backend, process, channel)


def _in_processes(
    backends: list[Backend], settings: Settings, jobs: int, progress: Progress
) -> Iterator[tuple[Backend, Outcome]]:
    waiting, running = list(backends), list[_Running]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(_start(waiting.pop(0), settings, jobs))
                progress.started(running[-1].backend)
            ready = wait([one.channel for one in running])
            for one in [one for one in running if one.channel in ready]:
                message = one.receive()
                if isinstance(message, tuple):
                    progress.advanced(one.backend, *message)
                    continue
                running.remove(one)
                one.close()
                progress.ended(one.backend)
                yield one.backend, message
    finally:
        for one in running:
            one.process.terminate()
