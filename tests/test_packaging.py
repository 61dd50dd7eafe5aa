"""What is installed: our packages with their data, and nothing else."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import pytest
from setuptools import build_meta

ROOT = Path(__file__).parent.parent
PACKAGES = {"blocks", "budgets", "detector", "maenas", "nas", "search_spaces"}
DATA = {".yaml", ".json"}


def files_of(package: str, suffixes: set[str]) -> set[str]:
    """Files of a package by their paths in the repository."""
    paths = (path for path in (ROOT / package).rglob("*") if "__pycache__" not in path.parts)
    return {str(path.relative_to(ROOT)) for path in paths if path.suffix in suffixes}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel built from a copy of the tree."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    for package in (*PACKAGES, "tests", "benchmarks"):  # the last two must be left out
        for name in files_of(package, {".py", *DATA}):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    built = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(copy)
        name = build_meta.build_wheel(str(built))
    with zipfile.ZipFile(built / name) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_our_packages_and_no_others(wheel):
    folders = {name.split("/")[0] for name in wheel}
    assert {name for name in folders if not name.endswith(".dist-info")} == PACKAGES


def test_the_wheel_holds_every_module_and_all_data(wheel):
    ours = {name for name in wheel if name.split("/")[0] in PACKAGES}
    assert ours == {name for package in PACKAGES for name in files_of(package, {".py", *DATA})}
    for name in (
        "blocks/zoo/damo-yolo-s.yaml",
        "search_spaces/res.yaml",
        "budgets/devices/t4.yaml",
    ):
        assert name in ours


def test_the_packages_named_are_those_on_the_disk():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    named = project["tool"]["setuptools"]["packages"]
    found = {path for package in PACKAGES for path in files_of(package, {".py", *DATA})}
    assert named == sorted({str(Path(path).parent).replace("/", ".") for path in found})


def test_every_package_can_be_imported_by_name():
    """A folder with modules but without `__init__.py` would be a namespace others may fill."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), path


def test_the_command_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["scripts"] == {"maenas": "maenas.cli:run"}
    assert project["license"] == "Apache-2.0"
