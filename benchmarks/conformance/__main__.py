"""`python -m benchmarks.conformance`: inspect every installed peer, and write README.md."""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from pathlib import Path

# Keras needs a framework beneath it; PyTorch is here for MONAI anyway.
os.environ.setdefault("KERAS_BACKEND", "torch")

from benchmarks.conformance import page
from benchmarks.conformance.peer import Peer
from unifocal import conformance

LIBRARIES = ("torch", "monai", "smp", "keras", "optax")


def peers(library: str) -> list[Peer]:
    """Return the losses of a library; none where it is not installed."""
    try:
        found: list[Peer] = import_module(f"benchmarks.conformance.peers.{library}").PEERS
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(("benchmarks", "unifocal")):
            raise
        print(f"{library}: not inspected, {error.name} is not installed")
        return []
    return found


def inspected(peer: Peer) -> page.Row:
    """Inspect one loss."""
    report = conformance.inspect(peer.function, peer.loss, name=f"{peer.library} {peer.call}")
    print(conformance.text(report), end="\n\n", flush=True)
    return page.Row(peer, report)


def main() -> None:
    """Inspect what is installed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conformance", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "README.md")
    out: Path = parser.parse_args().out
    rows = [inspected(peer) for library in LIBRARIES for peer in peers(library)]
    out.write_text(page.text(rows), "utf-8")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
