"""Finished work on disk: found again by a fingerprint of what it was made with."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def fingerprint(config: Json) -> str:
    """A short hash: two configurations with any difference have two."""
    text = json.dumps(config, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def write(path: Path, record: Json) -> None:
    """Write a record; under its own name only when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(record, indent=1, allow_nan=False, default=str) + "\n")
    unfinished.rename(path)


def read(path: Path) -> Json | None:
    """The record, or None where there is none."""
    if not path.exists():
        return None
    record: Json = json.loads(path.read_text())
    return record
