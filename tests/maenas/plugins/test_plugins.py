"""A user's own block, score and searcher work in every command, and in worker processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SPACE = """\
format: maenas/space@1
in_shape: [3, 64, 64]
features: [1, 2, 3]
stages:
  - {block: focus_stem, out_channels: [16, 24]}
  - {block: wide_stage, out_channels: [24, 32], stride: 2, depth: [1, 2]}
  - {block: wide_stage, out_channels: [32, 48], stride: 2, depth: [1, 2]}
  - {block: wide_stage, out_channels: [48, 64], stride: 2, depth: [1, 2, 3]}
"""
SEARCH = (
    *("search", "--space", "mine.yaml", "--template", "t", "--input-size", "64"),
    *("--budget", "200MMACs", "--evaluations", "600", "--finalists", "0"),
)
SHOW = ("show", "zoo:damo-yolo-t")
PLUGIN = ("--plugin", "my_plugin")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the user's, with his module and his space."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "my_plugin.py").write_text((HERE / "my_plugin.py").read_text("utf-8"), "utf-8")
    (folder / "mine.yaml").write_text(SPACE, encoding="utf-8")
    (folder / "weighted.yaml").write_text(
        "format: maenas/score@1\nname: wide-convs\nweights: [0, 1, 1, 4]\noptions: {bonus: 3.0}\n",
        encoding="utf-8",
    )
    return folder


def maenas(
    folder: Path, *words: str, plugins: str = "", code: int = 0
) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, so that nothing registered here counts."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MAENAS_PLUGINS": plugins}
    done = subprocess.run(
        [sys.executable, "-m", "maenas", *words],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    """A search with a block, a score and a searcher of the user's, in two processes."""
    maenas(
        folder, *SEARCH, *PLUGIN, "--score", "weighted.yaml", "--algorithm", "hill-climber",
        "--workers", "2", "--out", "run",
    )  # fmt: skip
    return folder / "run"


def test_a_search_tells_the_users_score_and_how_near_it_is_to_the_optimum(run: Path) -> None:
    told = json.loads((run / "result.json").read_text("utf-8"))
    assert told["score_name"] == "wide-convs"
    assert told["weights"] == [0, 1, 1, 4]
    assert told["algorithm"] == "hill-climber"
    assert 0.9 < told["share_of_optimum"] <= 1
    spec = (run / "best.yaml").read_text("utf-8")
    assert "wide_stage" in spec
    assert "score: {name: wide-convs, weights: [0.0, 1.0, 1.0, 4.0], options: {bonus: 3.0}}" in spec


@pytest.mark.slow
def test_its_result_is_shown_scored_built_and_exported(run: Path, folder: Path) -> None:
    spec = str(run / "best.yaml")
    shown = json.loads(maenas(folder, "show", spec, *PLUGIN, "--json").stdout)
    scored = json.loads(maenas(folder, *PLUGIN, "score", spec, "--json").stdout)
    told = json.loads((run / "result.json").read_text("utf-8"))
    assert shown["score"] == pytest.approx(told["score"])
    assert (scored["score_name"], scored["score"]) == ("wide-convs", pytest.approx(told["score"]))
    maenas(folder, "build-detector", spec, "--out", "detector", plugins="my_plugin")
    maenas(folder, "export", "detector", "--out", "detector.onnx", plugins="my_plugin")
    assert (folder / "detector.onnx").stat().st_size > 10_000


def test_without_the_plugin_a_spec_says_what_to_do(run: Path, folder: Path) -> None:
    failed = maenas(folder, "show", str(run / "best.yaml"), code=2)
    assert "no such block 'wide_stage'" in failed.stderr
    assert "--plugin MODULE" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.slow
def test_objects_of_a_module_are_named_without_registering_them(folder: Path) -> None:
    maenas(
        folder, *SEARCH, *PLUGIN, "--score", "my_plugin:WideConvs", "--algorithm",
        "my_plugin:HillClimber", "--out", "by_object",
    )  # fmt: skip
    spec = str(folder / "by_object" / "best.yaml")
    shown = json.loads(maenas(folder, "show", spec, *PLUGIN, "--json").stdout)
    assert shown["score_name"] == "wide-convs"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--plugin", "absent_module", "zoo"), "plugin absent_module: cannot be imported"),
        ((*SHOW, "--score", "nonsense"), "score: no such score 'nonsense'"),
        ((*SHOW, *PLUGIN, "--score", "wide-conv"), "did you mean wide-convs"),
        ((*SHOW, *PLUGIN, "--score", "my_plugin:Nothing"), "has no 'Nothing'"),
        ((*SHOW, "--score", "json:dumps"), "must be a Score"),
        ((*SHOW, "--score", "my_plugin:WideConvs"), "give --plugin my_plugin"),
        ((*SEARCH, *PLUGIN, "--algorithm", "hill-climb"), "did you mean hill-climber"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_loaded_is_one_line(words: tuple[str, ...], says: str, folder: Path) -> None:
    failed = maenas(folder, *words, code=2)
    assert says in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_the_command_that_repeats_a_search_names_its_plugins(run: Path) -> None:
    first = (run / "best.yaml").read_text("utf-8").splitlines()[0]
    assert first.startswith("# maenas search --plugin my_plugin ")
