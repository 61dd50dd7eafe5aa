"""Megabytes of an installation: the default, without CUDA, and what each extra adds.

`python -m benchmarks.bench_install` sums the files of the installed packages that the requirements
lead to. `--venv DIR` installs into a new environment by pip as well, and prints its minutes and
megabytes; with `--without-cuda`, torch and what it needs but for the CUDA packages.
"""

from __future__ import annotations

import subprocess
import time
import tomllib
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.entry import Parser, output_folder, run_main

ROOT = Path(__file__).parents[1]
CUDA = ("nvidia-", "triton", "cuda-")  # packages that torch's CPU wheel does not need
MB = 1e6
LARGEST = 6  # packages that are listed


def project(extra: str = "") -> list[str]:
    """What this checkout needs, or what one of its extras adds."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    every = table["optional-dependencies"]
    found: list[str] = []
    for text in every[extra] if extra else table["dependencies"]:
        requirement = Requirement(text)
        if requirement.name == "maenas":
            found += [each for other in sorted(requirement.extras) for each in project(other)]
        elif requirement.marker is None or requirement.marker.evaluate():
            found.append(text)
    return found


def extras() -> list[str]:
    """Names of the extras of this checkout."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(table["optional-dependencies"])


def closure(requirements: list[str]) -> tuple[dict[str, Distribution], set[str]]:
    """The installed packages that requirements lead to by name, and those not installed."""
    found: dict[str, Distribution] = {}
    absent: set[str] = set()
    waiting = [Requirement(each) for each in requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *wanted.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                found[name] = distribution(name)
            except PackageNotFoundError:
                absent.add(name)
                continue
            waiting += needed(found[name], extra)
    return found, absent


def needed(package: Distribution, extra: str) -> Iterator[Requirement]:
    """What a package needs on this machine, with one of its extras."""
    for text in package.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def bytes_of(package: Distribution) -> int:
    """Size of the files of a package."""
    paths = (Path(str(package.locate_file(file))) for file in package.files or ())
    return sum(path.stat().st_size for path in paths if path.is_file())


def is_cuda(name: str) -> bool:
    """Whether a package is only needed for NVIDIA GPUs."""
    return name.startswith(CUDA)


def sizes(names: dict[str, Distribution]) -> dict[str, float]:
    """Megabytes of each package, the largest first."""
    found = {name: bytes_of(package) / MB for name, package in names.items()}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def line(title: str, packages: dict[str, float]) -> str:
    """Number, total and largest of some packages."""
    largest = ", ".join(f"{name} {mb:.0f}" for name, mb in list(packages.items())[:LARGEST])
    return f"{title}: {sum(packages.values()):,.0f} MB, {len(packages)} packages ({largest})"


def report() -> Iterator[str]:
    """The lines of the report."""
    default = sizes(closure(project())[0])
    yield line("default install", default)
    without = {name: mb for name, mb in default.items() if not is_cuda(name)}
    yield line("without the CUDA packages of torch", without)
    for extra in extras():
        packages, absent = closure(project(extra))
        added = {name: mb for name, mb in sizes(packages).items() if name not in default}
        if absent:
            yield f"[{extra}]: {', '.join(sorted(absent))} not installed here"
        else:
            yield line(f"[{extra}] adds", added)


def install(folder: Path, without_cuda: bool) -> str:
    """Install into a new environment; returns a line with minutes and megabytes."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    started = time.monotonic()
    if without_cuda:
        names = [
            f"{name}=={package.version}"
            for name, package in closure(project())[0].items()
            if not is_cuda(name)
        ]
        subprocess.run([*pip, "--no-deps", *names], check=True)
        subprocess.run([*pip, "--no-deps", str(ROOT)], check=True)
    else:
        subprocess.run([*pip, str(ROOT)], check=True)
    minutes = (time.monotonic() - started) / 60
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MB
    kind = "without CUDA packages" if without_cuda else "default"
    return f"installed {kind} into {folder}: {size:,.0f} MB in {minutes:.1f} min"


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--venv", type=output_folder, help="new environment to install into")
    parser.add_argument("--without-cuda", action="store_true", help="leave CUDA packages out")
    options = parser.parse_args()
    if options.venv is not None and options.venv.exists():
        parser.error(f"--venv: {options.venv}: exists; name a new folder")
    for text in report():
        print(text)
    if options.venv is not None:
        print(install(options.venv, options.without_cuda))


if __name__ == "__main__":
    run_main(main)
