"""An installed package whose entry points name a block, a score and a searcher."""

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
  - {block: conv_stem, out_channels: [16, 24], stride: 2}
  - {block: wide_stage, out_channels: [24, 32], stride: 2, depth: [1, 2]}
  - {block: wide_stage, out_channels: [32, 48], stride: 2, depth: [1, 2]}
  - {block: wide_stage, out_channels: [48, 64], stride: 2, depth: [1, 2, 3]}
"""
ENTRY_POINTS = """\
[maenas.blocks]
wide_stage = wide_networks:WideStage

[maenas.scores]
wide-convs = wide_networks:WideConvs

[maenas.searchers]
hill-climber = wide_networks:HillClimber
"""
COMMANDS = (
    "search --space mine.yaml --template t --input-size 64 --budget 200MMACs --evaluations 300 "
    "--finalists 0 --score wide-convs --algorithm hill-climber --out run",
    "show run/best.yaml --json",
    "predict run --json",
    "build-detector run --out detector --json",
)
# In one process, which starts once; nothing here names the package.
SCRIPT = """\
import sys
from maenas.cli.app import main
for line in sys.argv[1:]:
    sys.argv = ["maenas", *line.split()]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (line, end.code)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages that holds one, without a call of `register`."""
    site = tmp_path_factory.mktemp("site")
    text = (HERE / "my_plugin.py").read_text("utf-8")
    package = text.replace("register(WideStage, WideConvs, HillClimber)\n", "")
    assert package != text
    (site / "wide_networks.py").write_text(package, "utf-8")
    info = site / "wide_networks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wide-networks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return site


def ran(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    environment.pop("MAENAS_PLUGINS", None)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@pytest.mark.slow
def test_what_an_installed_package_names_works_in_every_command(site: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SPACE)
    done = ran(site, tmp_path, "-c", SCRIPT, *COMMANDS)
    assert done.returncode == 0, done.stderr
    shown, predicted, built = map(json.loads, done.stdout.splitlines()[-3:])
    assert shown["score_name"] == "wide-convs"
    assert [row["type"] for row in shown["stages"]][1:4] == ["wide_stage"] * 3
    assert predicted["latency_ms"]["p50"] > 0
    assert built["spec"] == "detector/detector.yaml"


def test_an_entry_point_that_leads_nowhere_is_one_line(site: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (broken / "entry_points.txt").write_text("[maenas.scores]\nx = no_such_module:X\n")
    done = ran(tmp_path, tmp_path, "-m", "maenas", "score", "zoo:damo-yolo-ns", "--score", "x")
    assert done.returncode == 2
    assert "plugin no_such_module:X (entry point maenas.scores)" in done.stderr
    assert done.stderr.count("\n") == 1
