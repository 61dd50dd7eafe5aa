"""Optional packages: each missing one is one line with the extra that installs it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from maenas.blocks.errors import SpecError
from maenas.blocks.plugins.extras import EXTRAS, is_installed, require

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))[
    "project"
]


@pytest.mark.parametrize("module", EXTRAS)
def test_a_missing_package_is_named_with_an_extra_that_there_is(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    extra = EXTRAS[module].extra
    with pytest.raises(SpecError, match=rf"this needs .* pip install 'maenas\[{extra}\]'\."):
        require(module, "this")
    assert not is_installed(module)
    assert extra in PROJECT["optional-dependencies"]


def test_the_extra_of_all_holds_every_other_one_but_tensorrt() -> None:
    groups = PROJECT["optional-dependencies"]
    held = set(groups["all"][0].partition("[")[2].rstrip("]").split(","))
    trackers = set(groups["trackers"][0].partition("[")[2].rstrip("]").split(","))
    assert held | trackers == set(groups) - {"all", "dev", "docs", "tensorrt"}


@pytest.mark.parametrize(
    ("module", "extra", "words"),
    [
        ("ray", "ray", ("checks", "--ray", "local")),
        ("ray", "ray", ("score", "zoo:damo-yolo-ns", "--seeds", "1", "--ray", "auto")),
        ("openvino", "openvino", ("measure", "zoo:damo-yolo-ns", "--device", "cpu")),
        ("openvino", "openvino", ("detect", "model.xml", "a.jpg")),
        ("openvino", "openvino", ("export", "zoo:damo-yolo-ns", "--format", "openvino")),
        ("nncf", "int8", ("export", "zoo:damo-yolo-ns", "--precision", "int8")),
        ("av", "video", ("detect", "model", "a.mp4")),
        ("cv2", "webcam", ("detect", "model", "0")),
    ],
)
def test_a_command_without_its_package_ends_with_one_line(
    typed: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    extra: str,
    words: tuple[str, ...],
) -> None:
    from tests.small_detector import small_folder

    if "model" in words:
        small_folder(tmp_path / "model")
    for name in ("model.xml", "a.jpg", "a.mp4"):
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.setitem(sys.modules, module, None)
    ran = typed(*words)
    assert ran.code == 2
    assert f"pip install 'maenas[{extra}]'" in ran.err
    assert "Traceback" not in ran.err
