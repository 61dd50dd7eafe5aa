"""The check of a GPU: sections fail alone, and the whole runs on a fake device."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.gpu_check import __main__ as gpu_check
from benchmarks.gpu_check import sections
from benchmarks.gpu_check.report import Part, Skip, read_json, write_json
from benchmarks.gpu_check.sections import SECTIONS, run_section

ROOT = Path(__file__).parents[1]
ABSENT = ("openvino", "ray", "nncf", "av", "tensorboard",
          "onnxruntime", "pytest", "hypothesis")  # fmt: skip


def run_with(
    monkeypatch: pytest.MonkeyPatch,
    path: Path,
    error: Exception | None = None,
    holds: bool = True,
) -> tuple[int, dict[str, Any]]:
    """Run a section that finds something, may miss a criterion, and may then raise."""

    def run(part: Part, fake: bool) -> None:
        part.tell("found", {"nan": float("nan"), "ms": 1.23456789})
        part.require(holds, "two is one")
        if error is not None:
            raise error

    monkeypatch.setattr(sections, "import_module", lambda name: SimpleNamespace(run=run))
    status = run_section("machine", path, fake=False)
    told = read_json(path)
    assert told is not None
    return status, told


def test_results_are_kept_with_plain_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    status, told = run_with(monkeypatch, tmp_path / "part.json")
    assert status == 0
    assert told == {
        "state": "ok",
        "message": "",
        "where": "",
        "missed": [],
        "result": {"found": {"nan": "nan", "ms": 1.23457}},
    }


@pytest.mark.parametrize(
    ("error", "state", "message"),
    [
        (Skip("needs two GPUs"), "skipped", "needs two GPUs"),
        (ModuleNotFoundError("no", name="yaml"), "skipped", "pip install pyyaml"),
        (ModuleNotFoundError("no", name="pydantic.v1"), "skipped", "pip install pydantic"),
        (ModuleNotFoundError("no maenas.x", name="maenas.x"), "failed", "no maenas.x"),
        (
            RuntimeError("CUDA error:\n bad access"),
            "failed",
            "CUDA error: bad access",
        ),
    ],
)
def test_a_section_that_cannot_end_keeps_what_it_found_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, state: str, message: str
) -> None:
    status, told = run_with(monkeypatch, tmp_path / "part.json", error)
    assert status == (state == "failed")
    assert told["state"] == state
    assert message in told["message"]
    assert told["result"]["found"]["ms"] == 1.23457
    assert ("tests/test_gpu_check.py" in told["where"]) is (state == "failed")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Skip("needs two GPUs"), "needs two GPUs"),
        (ModuleNotFoundError("no", name="yaml"), "pip install pyyaml"),
        (RuntimeError("CUDA error"), "RuntimeError: CUDA error"),
    ],
)
def test_a_section_that_missed_a_criterion_has_failed_however_it_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, reason: str
) -> None:
    status, told = run_with(monkeypatch, tmp_path / "part.json", error, holds=False)
    assert status == 1
    assert told["state"] == "failed"
    assert told["message"].startswith("two is one; then: ")
    assert reason in told["message"]


def states_of(**changed: str) -> dict[str, str]:
    return dict.fromkeys(SECTIONS, "ok") | changed


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (states_of(), 0),
        (states_of(tensorrt="skipped", ranks="skipped"), 0),
        (states_of(training="skipped"), 3),
        (states_of(predictions="skipped"), 3),
        (states_of(training="skipped", ranks="failed"), 1),
        (states_of(machine="timeout"), 1),
        ({"machine": "ok"}, 0),
        ({"machine": "ok", "profile": "ok"}, 0),
        ({"machine": "ok", "profile": "skipped"}, 3),
    ],
)
def test_a_check_that_skipped_what_matters_does_not_pass(
    states: dict[str, str], status: int
) -> None:
    assert gpu_check.status_of(states) == status


def test_a_slow_start_leaves_a_file_and_does_not_read_as_no_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = {"state": "timeout", "message": "not done after 45 s", "seconds": 45.0, "result": {}}
    monkeypatch.setattr(gpu_check, "run_apart", lambda *some: late)
    monkeypatch.setattr(gpu_check, "RESULTS", tmp_path)
    assert gpu_check.main(["--only", "training"]) == 1
    found = json.loads((tmp_path / "gpu-check-unknown.json").read_text())
    assert list(found["sections"]) == ["machine", "training"]
    told = capsys.readouterr().out
    assert "--fake" not in told
    assert "0 of 2 sections checked and sound" in told


def test_a_section_that_does_not_end_is_killed_after_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu_check, "LEAST_S", 0.0)
    told = gpu_check.run_apart("machine", 0.05, fake=True)
    assert told["state"] == "timeout"
    assert told["message"] == "not done after 0 s"


def test_a_build_that_does_not_end_is_no_fault() -> None:
    part = Part(result={"building": "export_raw"}).to_json()
    told = gpu_check.out_of_time(part, 60.0)
    assert told["state"] == "skipped"
    assert told["message"].startswith("TensorRT was still building export_raw after 60 s; --min")
    assert gpu_check.out_of_time(Part().to_json(), 60.0)["state"] == "timeout"
    part = Part(result={"building": "export_raw"}, missed=["two is one"]).to_json()
    assert gpu_check.out_of_time(part, 60.0)["state"] == "timeout"


def test_without_time_a_section_is_not_begun() -> None:
    assert gpu_check.run_apart("machine", 1.0, fake=True)["state"] == "skipped"


def test_a_section_that_fails_leaves_the_others_to_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    states = dict.fromkeys(SECTIONS, "ok") | {"training": "failed", "ranks": "timeout"}
    monkeypatch.setattr(
        gpu_check,
        "run_apart",
        lambda name, limit, fake: {
            "state": states[name], "message": "", "seconds": 1.0, "result": {}
        },
    )  # fmt: skip
    assert gpu_check.main(["--out", str(tmp_path / "a.json")]) == 1
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["format"] == "maenas/gpu-check@1"
    assert {name: told["state"] for name, told in found["sections"].items()} == states
    assert "training: failed in 1 s" in capsys.readouterr().out


def test_tensorrt_gets_the_time_that_the_others_leave(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    limits: dict[str, float] = {}

    def run(name: str, limit_s: float, fake: bool) -> dict[str, Any]:
        limits[name] = limit_s
        return {"state": "ok", "message": "", "seconds": 1.0, "result": {}}

    monkeypatch.setattr(gpu_check, "run_apart", run)
    gpu_check.main(["--out", str(tmp_path / "a.json")])
    *others, last = SECTIONS
    assert last == "tensorrt"
    assert {name: limits[name] for name in others} == {
        name: SECTIONS[name].limit_s for name in others
    }
    assert limits[last] == pytest.approx(60 * gpu_check.MINUTES, abs=30)


def test_the_file_is_there_after_each_section(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Even if the whole check is stopped, as by Ctrl-C."""

    def run(name: str, limit_s: float, fake: bool) -> dict[str, Any]:
        if name == "training":
            raise KeyboardInterrupt
        return {"state": "ok", "message": "", "seconds": 1.0, "result": {}}

    monkeypatch.setattr(gpu_check, "run_apart", run)
    with pytest.raises(KeyboardInterrupt):
        gpu_check.main(["--out", str(tmp_path / "a.json")])
    found = json.loads((tmp_path / "a.json").read_text())
    assert list(found["sections"]) == ["machine", "predictions"]


def test_without_a_gpu_the_check_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed: dict[str, Any] = {"state": "failed", "message": "no GPU", "seconds": 1.0}
    failed["result"] = {"available": False}
    monkeypatch.setattr(gpu_check, "run_apart", lambda *some: failed)
    assert gpu_check.main(["--out", str(tmp_path / "a.json")]) == 2
    assert not (tmp_path / "a.json").exists()
    assert "--fake" in capsys.readouterr().out


def test_the_limits_add_up_to_the_minutes_promised() -> None:
    assert sum(section.limit_s for section in SECTIONS.values()) == 60 * gpu_check.MINUTES


def test_the_results_are_named_after_the_gpu() -> None:
    machine = {"result": {"gpus": [{"name": "NVIDIA H100 80GB HBM3"}]}}
    path = gpu_check.default_path(machine, fake=False)
    assert path.name == "gpu-check-nvidia-h100-80gb-hbm3.json"
    assert path.parent == ROOT / "benchmarks" / "results"
    assert ROOT not in gpu_check.default_path(machine, fake=True).parents


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": [1.0, float("inf")]})
    assert read_json(tmp_path / "a.json") == {"a": [1.0, "inf"]}
    assert read_json(tmp_path / "none.json") is None
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


# Stands in for a package that is not installed, except for the fake TensorRT, which computes with
# ONNX Runtime.
ABSENT_MODULE = """
import pathlib, sys
frame = sys._getframe(1)
while "importlib" in frame.f_code.co_filename:
    frame = frame.f_back
if not frame.f_globals["__name__"].startswith("tests.fake_tensorrt"):
    raise ModuleNotFoundError(f"No module named {__name__!r}", name=__name__)
sys.path.remove(str(pathlib.Path(__file__).parent))
del sys.modules[__name__]
__import__(__name__)
"""


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without the packages that the script does not name."""
    for name in ABSENT:
        (tmp_path / f"{name}.py").write_text(ABSENT_MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.minutes
@pytest.mark.slow
def test_the_whole_check_runs_on_the_fake_device(absent: None, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--fake"]
    path = tmp_path / "found.json"
    subprocess.run([*command, "--out", str(path)], cwd=ROOT, check=True, timeout=1200)
    found = json.loads(path.read_text())["sections"]
    assert {name: told["state"] for name, told in found.items()} == dict.fromkeys(SECTIONS, "ok")
    assert found["training"]["result"]["skipped_steps"]["fp16"] == [3]
    assert found["profile"]["result"]["profile"]["held_out"]["mean"] < 0.5
    assert found["ranks"]["result"]["sum"]["sum_is_right"] is True
    assert len(found["ranks"]["result"]["training"]["losses"]) >= 3
    text = path.read_text()
    assert str(Path.home()) not in text
    assert "convolutions" in found["tensorrt"]["result"]["export_raw"]["computes"]
