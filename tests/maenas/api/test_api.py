"""The Python API offers what the commands do, under the same names."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest

import maenas
from maenas.api import keywords
from maenas.cli.commands import GROUPS
from tests.patience import PATIENCE_S
from tests.small_detector import small_folder as small_folder_at

# Parameters that only a terminal needs, and those with another name in Python.
FOR_THE_TERMINAL = {"context", "as_json", "show_all", "images", "action", "plot"}
OTHER_NAMES = {
    "build_detector": {"spec": "model"},
    "card": {"device": "devices"},
    "compare": {"device": "devices"},
    "score": {"spec": "model", "kind": "score"},
    "search": {"algorithm": "searcher"},
    "show": {"spec": "model"},
    "tables": {"table": "device"},  # `maenas.table`
    "profile": {
        **{"space": "spaces", "model": "models", "extend": "table"},
        **{"kit": "folder", "from_kit": "folder"},
    },
}
# Commands that call further functions beside that of their own name.
FURTHER = {
    "search": ("search_portfolio",),
    "tables": ("table",),
    "profile": ("extend_profile", "read_kit", "write_kit"),
}
WITH_A_FUNCTION = {
    command.__name__: command
    for commands in GROUPS.values()
    for command in commands
    if hasattr(maenas, command.__name__)
}


def test_every_public_name_can_be_imported_and_has_an_example() -> None:
    for name in maenas.__all__:
        value = getattr(maenas, name)
        if inspect.isfunction(value):
            assert "Example:\n" in str(value.__doc__), name


@pytest.mark.parametrize("name", sorted(WITH_A_FUNCTION))
def test_a_function_takes_every_option_of_its_command(name: str) -> None:
    renamed = OTHER_NAMES.get(name, {})
    options = {
        renamed.get(option, option)
        for option in inspect.signature(WITH_A_FUNCTION[name]).parameters
    }
    functions = [name, *FURTHER.get(name, ())]
    taken = {
        each for own in functions for each in inspect.signature(getattr(maenas, own)).parameters
    }
    assert options - FOR_THE_TERMINAL - taken == set()


def test_a_backbone_is_loaded_from_whatever_the_commands_take(
    small_folder: Path, tmp_path: Path
) -> None:
    run = small_folder / "run"
    assert maenas.load_backbone(run) == maenas.load_backbone(run / "best.yaml")
    assert maenas.load_backbone("zoo:damo-yolo-s").layers == 25
    built = maenas.build_detector(run, tmp_path / "detector", names=["cat", "dog"])
    assert built.spec.names == ("cat", "dog")
    assert maenas.load_backbone(tmp_path / "detector") == built.spec.backbone


def test_a_prediction_is_what_the_command_prints(typed: Any) -> None:
    predicted = maenas.predict("zoo:damo-yolo-ns", device="t4")
    assert typed("predict", "zoo:damo-yolo-ns", "--device", "t4", "--json").json == (
        predicted.to_json()
    )
    assert predicted.latency_ms == sum(line.ms for line in predicted.lines)


def test_a_search_returns_what_it_writes(
    small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options: dict[str, Any] = {
        "space": str(small_folder / "small.yaml"),
        "template": "t",
        "input_size": 64,
        "weights": (1, 1, 2, 4),
        "finalists": 0,
    }
    found = maenas.search("100MMACs", evaluations=300, **options)
    assert found.folder == Path("runs/search/exp")
    assert maenas.load_backbone(found.folder) == found.best.backbone
    with pytest.raises(maenas.MaenasError, match="evaluations is 300 in the run, 400 in the"):
        maenas.search("100MMACs", evaluations=400, resume=True, **options)


def test_a_detector_is_called_on_one_image_or_on_several(tmp_path: Path) -> None:
    import numpy as np

    image = np.zeros((64, 64, 3), dtype=np.uint8)
    detector = maenas.Detector(small_folder_of(tmp_path))
    one, (first, second) = detector(image), detector([image, image], max_detections=1)
    assert len(one) >= len(first) == len(second) == 1
    assert detector(image, min_score=1.0).labels == ()


def test_a_detector_is_exported_and_opened_again(tmp_path: Path) -> None:
    detector = maenas.Detector(small_folder_of(tmp_path))
    exported = detector.export(tmp_path / "detector.onnx")
    assert exported.path == tmp_path / "detector.onnx"
    opened = maenas.Detector(exported.path)
    assert opened.names == detector.names
    with pytest.raises(maenas.MaenasError, match="is an exported file"):
        opened.export(tmp_path / "again.onnx")


def test_objects_are_handed_to_supervision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    found = maenas.Detector(small_folder_of(tmp_path))(np.zeros((64, 64, 3), dtype=np.uint8))
    monkeypatch.setitem(sys.modules, "supervision", SimpleNamespace(Detections=SimpleNamespace))
    detections = found.to_supervision()
    assert detections.xyxy is found.boxes
    assert tuple(detections.data["class_name"]) == found.labels
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(maenas.MaenasError, match="pip install supervision"):
        found.to_supervision()


def test_predict_points_from_images_to_detect(typed: Any) -> None:
    ran = typed("predict", "runs/train/exp", "street.jpg")
    assert ran.code == 2
    assert "`maenas detect runs/train/exp street.jpg` finds the objects" in ran.err


def test_weights_from_a_file_are_saved_before_a_training(tmp_path: Path) -> None:
    folder = small_folder_of(tmp_path)
    detector = maenas.Detector(folder).load(folder / "weights.safetensors")
    with pytest.raises(maenas.MaenasError, match=r"save\(FOLDER\)"):
        detector.train(tmp_path / "data.yaml")
    saved = detector.save(tmp_path / "saved")
    assert maenas.Detector(saved).trained


def small_folder_of(tmp_path: Path) -> Path:
    """A small detector with weights."""
    return small_folder_at(tmp_path / "detector")


KEYWORDS = {
    "train": keywords.TrainKeywords,
    "distill": keywords.TrainKeywords,
    "val": keywords.ValKeywords,
    "export": keywords.ExportKeywords,
}


@pytest.mark.parametrize("name", KEYWORDS)
def test_a_method_of_a_detector_takes_the_options_of_its_function(name: str) -> None:
    function = inspect.signature(getattr(maenas, name))
    options = {
        each.name: each.annotation.replace("Changes", "Mapping[str, object] | Sequence[str]")
        for each in function.parameters.values()
        if each.kind is inspect.Parameter.KEYWORD_ONLY
    }
    taken = {key: ref.__forward_arg__ for key, ref in KEYWORDS[name].__annotations__.items()}
    assert taken == options


def test_the_step_by_step_example_of_the_package_calls_what_there_is() -> None:
    lines = str(maenas.__doc__).partition("Step by step:")[2].partition("Nothing is")[0]
    for call in (node for node in ast.walk(ast.parse(dedent(lines))) if isinstance(node, ast.Call)):
        owner, _, name = ast.unparse(call.func).rpartition(".")
        if owner not in ("maenas", "detector"):
            continue
        function = getattr(maenas if owner == "maenas" else maenas.Detector, name)
        self = [None] * (owner == "detector")
        options = {str(each.arg): None for each in call.keywords}
        inspect.signature(function).bind(*self, *call.args, **options)


def test_the_python_api_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Progress and notes are records of a logger, which a program may show."""
    caplog.set_level("INFO", "maenas")
    folder = small_folder_of(tmp_path)
    shapes = maenas.make_shapes(tmp_path / "shapes", images=6, size=64)
    maenas.check_data(shapes.path)
    maenas.show_data(shapes.path, tmp_path / "sheets", sheets=1, size=64)
    maenas.detect(folder, tmp_path / "shapes", save_json=True, out=tmp_path / "found")
    maenas.export(folder, tmp_path / "model.onnx")
    maenas.predict("zoo:damo-yolo-ns", device="t4")
    maenas.compare(["zoo:damo-yolo-ns", "zoo:damo-yolo-t"], ["t4"])
    maenas.score("zoo:damo-yolo-ns")
    for function in (maenas.zoo, maenas.tables, maenas.checks, maenas.schemas):
        function()
    maenas.show("zoo:damo-yolo-ns")
    assert capfd.readouterr() == ("", "")
    loggers = {record.name for record in caplog.records}
    assert {"maenas.terminal.progress", "maenas.api.detection"} <= loggers
    assert all(name.startswith("maenas.") for name in loggers)


def test_importing_the_package_loads_nothing_heavy(tmp_path: Path) -> None:
    script = "import sys, maenas; maenas.search, maenas.train; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (done.stdout, done.stderr) == ("False\n", "")
