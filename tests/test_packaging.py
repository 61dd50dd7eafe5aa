"""What is installed: one package, `maenas`, with its data, and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import venv
import warnings
import zipfile
from pathlib import Path

import pytest
import yaml
from setuptools import build_meta

from maenas import __version__

ROOT = Path(__file__).parent.parent
TOP_FOLDERS = ("blocks", "budgets", "detector", "nas", "search_spaces")
DATA = {".yaml", ".json", ".typed", ".js", ".css", ".txt"}
# A user's folder with names that our folders have at the top of the repository.
USER_FILES = ("detector.py", "blocks.py", "nas.py", "detector/detector.yaml", "budgets/__init__.py")
SCRIPT = """\
import maenas
from maenas.blocks import Backbone, load_backbone
from maenas.budgets import cost

backbone: Backbone = load_backbone("zoo:damo-yolo-s")
price = cost(backbone.ops(), None)
params: int = price.params
name: str = maenas.__version__
print(maenas.__file__, params)
"""


def files_of(suffixes: set[str]) -> dict[str, Path]:
    """Our files by their names in the wheel, where the folders at the top lie in `maenas`."""
    found = {}
    for folder in ("maenas", *TOP_FOLDERS):
        for path in (ROOT / folder).rglob("*"):
            name = str(path.relative_to(ROOT))
            linked = folder == "maenas" and name.split("/")[1] in TOP_FOLDERS
            if path.suffix in suffixes and "__pycache__" not in path.parts and not linked:
                found[name if folder == "maenas" else f"maenas/{name}"] = path
    return found


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree as a clone has it: files, and links to the folders at the top."""
    copy = tmp_path_factory.mktemp("tree")
    paths = [ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE")]
    paths += files_of({".py", *DATA}).values()
    for folder in ("tests", "benchmarks"):  # must be left out of the wheel
        paths += (ROOT / folder).rglob("*.py")
    for path in paths:
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    for folder in TOP_FOLDERS:
        (copy / "maenas" / folder).symlink_to(Path("..") / folder)
    return copy


@pytest.fixture(scope="module")
def wheel(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(copy)
        return built / build_meta.build_wheel(str(built))


@pytest.fixture(scope="module")
def editable(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("editable")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # setuptools informs about editable installs by a warning
        patch.chdir(copy)
        return built / build_meta.build_editable(str(built))


@pytest.fixture
def user_folder(tmp_path: Path) -> Path:
    """A folder of a user's whose files have the names of our folders."""
    for name in USER_FILES:
        path = tmp_path / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("raise ImportError('a file of the user')\n")
    return tmp_path / "work"


def installed(package: Path, folder: Path) -> tuple[Path, Path]:
    """Python and site-packages of a fresh environment with the package; sees what we depend on."""
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(package) as archive:
        archive.extractall(site)
    # a folder named in a .pth file comes at the end of the path, and its own .pth files, such as
    # that of an editable install of ours, are not read
    dependencies = [path for path in sys.path if path.endswith("site-packages")]
    (site / "dependencies.pth").write_text("\n".join(dependencies) + "\n")
    return folder / "bin" / "python", site


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_the_wheel_holds_every_module_and_all_data_under_one_name(wheel: Path) -> None:
    assert names_in(wheel) == set(files_of({".py", *DATA}))
    assert {
        "maenas/blocks/zoo/damo-yolo-s.yaml",
        "maenas/search_spaces/res.yaml",
        "maenas/budgets/devices/t4.yaml",
        "maenas/py.typed",
    } <= names_in(wheel)


def test_the_packages_named_are_those_on_the_disk() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    found = {str(Path(name).parent).replace("/", ".") for name in files_of({".py", *DATA})}
    assert named["packages"] == sorted(found)
    assert named["package-dir"] == {f"maenas.{folder}": folder for folder in TOP_FOLDERS}


def test_every_package_can_be_imported_by_name() -> None:
    """A folder with modules but without `__init__.py` would be a namespace others may fill."""
    for path in files_of({".py"}).values():
        assert (path.parent / "__init__.py").exists(), path


def test_the_command_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["scripts"] == {"maenas": "maenas.cli.entry:run"}
    assert project["license"] == "Apache-2.0"


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_files_of_a_user_with_our_names_are_not_taken_for_ours(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, user_folder: Path
) -> None:
    python, site = installed(request.getfixturevalue(kind), tmp_path / "environment")
    (user_folder / "script.py").write_text(SCRIPT)
    ran = run([str(python), "script.py"], user_folder)
    home = site if kind == "wheel" else request.getfixturevalue("copy")
    assert ran.split()[0] == str(home / "maenas" / "__init__.py")
    shown = run([str(python), "-m", "maenas", "show", "zoo:damo-yolo-s", "--json"], user_folder)
    assert '"schema"' in shown


@pytest.mark.types
def test_a_user_s_type_checker_sees_our_types(
    wheel: Path, tmp_path: Path, user_folder: Path
) -> None:
    python, _ = installed(wheel, tmp_path / "environment")
    (user_folder / "typed.py").write_text(SCRIPT)
    (user_folder / "mistyped.py").write_text(SCRIPT.replace("params: int", "params: str"))
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python)]
    mypy += ["--follow-imports=silent", "--cache-dir", str(tmp_path / "cache")]
    assert "Success" in run([*mypy, "typed.py"], user_folder)
    told = run([*mypy, "mistyped.py"], user_folder, code=1)
    assert "Incompatible types in assignment" in told
    assert "Found 1 error" in told


def run(command: list[str], folder: Path, code: int = 0) -> str:
    """Output of a command in a folder, without the paths that the tests run with."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_the_version_is_written_once_and_quoted_where_it_must_stand() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert citation["version"] == __version__
    assert re.findall(r"^## (\S+)", changelog, re.MULTILINE)[0] == __version__
