"""Where things are in a checkout; found on disk, so that no test keeps a list by hand."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = {
    path.parent.name: path.parent
    for root in ("spec", "src", "backends")
    for path in sorted((ROOT / root).glob("*/__init__.py"))
}
"""Every import package of the distribution, with its folder."""

FRAMEWORKS = ("jax", "keras", "tensorflow", "torch")


def modules() -> list[str]:
    """Every module of the distribution, by its dotted name."""
    return [
        ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__")
        for folder in PACKAGES.values()
        for path in sorted(folder.rglob("*.py"))
    ]
