"""The peak of a process' resident memory during one call."""

from __future__ import annotations

import ctypes
import gc
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROCESS = Path("/proc/self")


def host_peak(call: Callable[[], Any]) -> int | None:
    """Bytes of resident memory at the peak of a call beyond those before it; None but on Linux.

    The call has run before, so that nothing is compiled or loaded now. What its first run left with
    the allocator goes back to the system first; else the second would find it there, and need none.
    """
    if sys.platform != "linux":
        return None
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    (PROCESS / "clear_refs").write_text("5")  # the peak is from now on what is resident now
    before = _resident("VmRSS")
    result = call()
    peak = _resident("VmHWM") - before
    del result  # the gradient counts
    return peak


def _resident(field: str) -> int:
    """A size from the kernel's table."""
    found = re.search(rf"^{field}:\s+(\d+) kB$", (PROCESS / "status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024
