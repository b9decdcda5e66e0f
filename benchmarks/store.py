"""Finished work on disk: found again by a fingerprint of what it was made with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

Json = dict[str, Any]


def fingerprint(config: Json) -> str:
    """A short hash: two configurations with any difference have two."""
    text = json.dumps(config, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def write(path: Path, record: Json) -> None:
    """Write a record, see ``atomically``."""
    text = json.dumps(record, indent=1, allow_nan=False, default=str) + "\n"
    atomically(path, lambda file: file.write(text.encode()))


def jsonable(record: Json) -> Json:
    """The record as it will be read again: tuples become lists, keys become text."""
    read: Json = json.loads(json.dumps(record, default=str))
    return read


def atomically(path: Path, save: Callable[[BinaryIO], object]) -> None:
    """Write a file under a name of its own, then give it its name, replacing what is there.

    So no reader sees a part of a file, and several processes may write the same one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{uuid4().hex}.unfinished")
    try:
        with unfinished.open("wb") as file:
            save(file)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read(path: Path) -> Json | None:
    """The record, or None where there is none."""
    if not path.exists():
        return None
    record: Json = json.loads(path.read_text())
    return record
