"""The checks of the project: `nox -l` lists them, `nox` runs the quick ones, `.ci/run` all.

Sessions share three environments, `core` (no framework), `frameworks` (all of them) and `peers`
(other libraries beside them), because the last two take about three gigabytes each. They are made
by whichever session needs them first, and brought up to date when pyproject.toml or this file
changes.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.error_on_external_run = False

HERE = Path(__file__).parent
PYPROJECT = nox.project.load_toml("pyproject.toml")
BACKENDS = ("torch", "tensorflow", "jax")

# PyTorch comes first, pinned, and in a command of its own: where pip is told of a CPU build of this
# version it takes it. Left to another package's plain "torch", pip takes the newest build of the
# registry, which on Linux brings gigabytes of CUDA.
TORCH = "torch==2.13.0"

# One asks for torchvision, which fits no CPU build of PyTorch, the other for readers of every
# medical format. Their losses need neither.
WITHOUT_DEPENDENCIES = ("--no-deps", "segmentation-models-pytorch>=0.5", "nnunetv2>=2.6")

VARIABLES = {
    "CUDA_VISIBLE_DEVICES": None,  # let a test find the accelerator that the machine has
    "PYTHONHASHSEED": "0",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
PYTEST = ("-m", "pytest", "--numprocesses=auto", "--dist=loadgroup")


def groups(*names: str) -> list[str]:
    """Requirements of the dependency groups of these names."""
    return nox.project.dependency_groups(PYPROJECT, *names)


def environment(session: nox.Session, name: str, *installs: list[str]) -> str:
    """Make the environment of this name, or bring it up to date, and return its Python."""
    home = HERE / ".nox" / f"shared-{name}"
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    sources = (HERE / "pyproject.toml", Path(__file__))
    recipe = "\n".join([sys.version, str(home), *(p.read_text("utf-8") for p in sources)])
    stamp, state = home / "made-from", hashlib.sha256(recipe.encode()).hexdigest()
    if not (stamp.is_file() and stamp.read_text() == state):
        session.run_install(sys.executable, "-m", "venv", str(home))
        for packages in installs:
            session.run_install(str(python), "-m", "pip", "install", "--quiet", *packages)
        stamp.write_text(state)
    return str(python)


def core(session: nox.Session) -> str:
    """NumPy, the compiler and the test tools."""
    return environment(session, "core", ["-e", ".[compiler]", *groups("test", "lint")])


def frameworks(session: nox.Session) -> str:
    """Every framework, the benchmarks and the test tools."""
    return environment(
        session, "frameworks", [TORCH], ["-e", ".[all,triton]", *groups("test", "types")]
    )


def peers(session: nox.Session) -> str:
    """Every framework, and the libraries whose losses are inspected and timed."""
    ours = ["-e", ".[torch,numba,jax,tensorflow,benchmarks]", *groups("peers")]
    return environment(session, "peers", [TORCH], ours, [*WITHOUT_DEPENDENCIES])


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    python = core(session)
    session.run(python, "-m", "ruff", "check")
    session.run(python, "-m", "ruff", "format", "--check")


@nox.session
def generate(session: nox.Session) -> None:
    """Compare every generated file with what its definition generates now."""
    session.run(core(session), "-m", "unifocal", "generate", "--check")


@nox.session
def proofs(session: nox.Session) -> None:
    """Prove every claim and erratum on symbols, refute the false ones, compute what is golden."""
    python = core(session)
    session.run(python, "-m", "unifocal", "prove")
    session.run(python, "-m", "unifocal", "golden", "--check")
    session.run(python, *PYTEST, "tests/spec", "tests/proofs", "tests/compiler")


@nox.session
def types(session: nox.Session) -> None:
    """Check types: mypy on the packages, pyright on a user's file."""
    python = frameworks(session)
    session.run(python, "-m", "mypy")
    session.run(python, "-m", "pyright", "--pythonpath", python)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the whole test suite."""
    session.run(frameworks(session), *PYTEST, *session.posargs, env=VARIABLES)


@nox.session(default=False)
def parity(session: nox.Session) -> None:
    """Hold each loss on each backend, eager and compiled, to the reference and to 50 digits."""
    session.run(frameworks(session), *PYTEST, "tests/parity", *session.posargs, env=VARIABLES)


@nox.session(default=False)
def mutation(session: nox.Session) -> None:
    """Break the code on purpose, 95 % must be noticed; see `nox -s mutation -- --help`."""
    session.run(frameworks(session), "-m", "tests.mutation", *session.posargs, env=VARIABLES)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Run the whole test suite; of lines and branches written by hand, 95 % must be reached."""
    python = frameworks(session)
    session.run(python, *PYTEST, "--cov", *session.posargs, env=VARIABLES)


@nox.session(default=False)
def certify(session: nox.Session) -> None:
    """Measure each loss on each framework against 50 digits; see `nox -s certify -- --help`."""
    python = frameworks(session)
    session.run(python, "-m", "unifocal", "certify", *session.posargs, env=VARIABLES)


@nox.session(default=False)
def conformance(session: nox.Session) -> None:
    """Find out what other libraries' losses compute; write benchmarks/conformance/README.md."""
    session.run(peers(session), "-m", "benchmarks.conformance", *session.posargs, env=VARIABLES)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Time every loss, and take its memory, beside other libraries; see `-- --help`."""
    session.run(peers(session), "-m", "benchmarks.speed", *session.posargs)


@nox.session(default=False)
def streaming(session: nox.Session) -> None:
    """Take loss and gradient of 10⁹ voxels in bounded memory; see `-- --help`."""
    session.run(frameworks(session), "-m", "benchmarks.streaming", *session.posargs, env=VARIABLES)


@nox.session(default=False)
def reproduce(session: nox.Session) -> None:
    """Train the paper's U-Net with its losses; see `nox -s reproduce -- --help`."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--backend", choices=BACKENDS, default="torch")
    backend = parser.parse_known_args(session.posargs)[0].backend
    first = [[TORCH]] if backend == "torch" else []
    python = environment(
        session, f"reproduce-{backend}", *first, ["-e", f".[{backend},benchmarks]"]
    )
    session.run(python, "-m", "benchmarks.reproduce", *session.posargs, env=VARIABLES)


@nox.session(default=False)
def smoke(session: nox.Session) -> None:
    """Run a tiny comparison on every backend, or on those named: the whole way, with its report."""
    python = frameworks(session)
    tiny = ("--epochs=1", "--filters=2", "--depth=1")
    for backend in session.posargs or BACKENDS:
        out = Path(session.create_tmp()).resolve() / backend
        session.run(
            *(python, "-m", "benchmarks.reproduce", "--fresh", *tiny),
            *("--backend", backend, "--losses", "cross_entropy,unified_focal", "--out", str(out)),
            env=VARIABLES,
        )


@nox.session(default=False, venv_backend="venv")
def packaging(session: nox.Session) -> None:
    """Build sdist and wheel, look into them, and use the wheel with NumPy alone."""
    dist = Path(session.create_tmp()).resolve() / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.install(*groups("packaging"))
    session.run("python", "-m", "build", "--outdir", str(dist))  # the wheel from the sdist
    (wheel,) = dist.glob("*.whl")
    session.run("check-wheel-contents", str(wheel))
    session.install(str(wheel))
    session.run("python", str(HERE / "tests" / "house" / "installed.py"))
