"""What every tool of a kit has to offer, and what is read from its output."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from maenas.budgets.kit.load import RUNTIMES, kit_runtime
from maenas.budgets.kit.runtime import LogError, ToolRun
from maenas.budgets.kit.script import script

LOGS = Path(__file__).parents[2] / "data" / "kit_logs"
FACTS = {"cpu": "A CPU", "gpu": "A GPU"}


TOOLS = {"openvino": "benchmark_app", "onnxruntime": "onnxruntime_perf"}  # first words of files


@dataclass(frozen=True)
class Case:
    log: str
    ms: tuple[float, ...]
    version: str
    device: str
    precision: str | None
    threads: int | None = None

    @property
    def runtime(self) -> str:
        word = self.log.split("-")[0]
        return TOOLS.get(word, word)


CASES = [
    Case("trtexec-7.1-run", (11.8,), "TensorRT", "A GPU", "f16"),
    Case("trtexec-8.2-run", (1.5, 1.6), "TensorRT 8.2.1", "Xavier", "int8"),
    Case("trtexec-8.6-run", (2.3,), "TensorRT 8.6.3", "NVIDIA GeForce RTX 2080", "f32"),
    Case("trtexec-10.3-run", (3.25, 3.27, 3.26), "TensorRT 10.3.0", "Orin", "f16"),
    Case("openvino-2021.4-python", (1.25,), "OpenVINO 2021.4.0", "A CPU", None),
    Case("openvino-2022.1-python", (10.45,), "OpenVINO 2022.1.0", "A CPU", "f32", 4),
    Case("openvino-2023.0-cpp", (4.98,), "OpenVINO 2023.0.1", "A CPU", "bf16", 8),
    Case("openvino-2024.0-gpu", (0.94,), "OpenVINO 2024.0.0", "GPU of A CPU", "f16"),
    Case("openvino-2026.4-python", (159.56,), "OpenVINO 2026.4.1", "A CPU", "f32", 1),
    Case("onnxruntime-2019", (58.7108,), "ONNX Runtime", "A CPU", "f32", 4),
    Case("onnxruntime-1.17", (10.2, 10.5, 11.2), "ONNX Runtime", "A CPU", "f32", 2),
    Case("onnxruntime-1.24", (2.0, 2.1), "ONNX Runtime with CUDA", "A GPU", "f32"),
    Case("benchncnn-cpu", (9.07,), "ncnn", "A CPU", "f32", 4),
    Case("benchncnn-2020-gpu", (13.64,), "ncnn", "Adreno (TM) 640", "f16"),
]


def text_of(name: str) -> str:
    return (LOGS / f"{name}.txt").read_text(encoding="utf-8")


def parsed(case: Case) -> ToolRun:
    built = text_of(case.log.replace("-run", "-build")) if case.log.endswith("-run") else ""
    return kit_runtime(case.runtime).parse(text_of(case.log), FACTS, built)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.log)
def test_the_output_of_a_tool_is_read(case: Case) -> None:
    run = parsed(case)
    assert run.ms == pytest.approx(case.ms)
    assert (run.runtime, run.device) == (case.version, case.device)
    assert (run.precision, run.threads) == (case.precision, case.threads)


def test_every_runtime_is_read_from_several_versions() -> None:
    for name in RUNTIMES:
        assert sum(case.runtime == name for case in CASES) >= 2, name


@pytest.mark.parametrize("name", RUNTIMES)
def test_the_output_of_another_tool_is_refused(name: str) -> None:
    others = {case.log for case in CASES if case.runtime != name}
    for log in sorted(others):
        with pytest.raises(LogError):
            kit_runtime(name).parse(text_of(log), FACTS)


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_script_is_valid_for_a_posix_shell(name: str) -> None:
    runtime = kit_runtime(name)
    for precision in (None, *runtime.precisions):
        text = script(runtime, "abc", [("one", True), ("two", False)], precision, 2)
        for function in ("find_tool", "prepare", "time_graph", "time_layers"):
            assert f"\n{function}() {{" in text
        assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_missing_tool_is_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "measure.sh"
    path.write_text(script(kit_runtime(name), "abc", [("one", True)], None, 1), encoding="utf-8")
    ran = subprocess.run(
        ["/bin/sh", str(path)], env={"PATH": "/usr/bin:/bin", "TOOL": "/no/tool",
                                     "PYTHON": "/no/python"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("log", ["trtexec-8.2-run", "trtexec-8.6-run"])
def test_layers_of_trtexec_name_their_nodes_in_both_orders_of_columns(log: str) -> None:
    nodes = {"conv_0", "relu_0", "conv_1", "gate_1", "silu_1"}
    found = kit_runtime("trtexec").layers(text_of(log), nodes)
    assert [layer.us for layer in found.layers] == pytest.approx([50, 1000, 450])
    assert [layer.nodes for layer in found.layers] == [
        ("conv_0",), ("conv_0", "relu_0"), ("conv_1", "gate_1", "silu_1")
    ]  # fmt: skip
    assert [layer.layout for layer in found.layers] == [True, False, False]


def test_a_mean_beside_the_median_is_read_too() -> None:
    means = {case.log: parsed(case).mean for case in CASES if case.runtime == "benchmark_app"}
    assert means == pytest.approx({
        "openvino-2021.4-python": 1.25, "openvino-2022.1-python": 10.62,
        "openvino-2023.0-cpp": 5.0, "openvino-2024.0-gpu": 0.95, "openvino-2026.4-python": 182.49,
    })  # fmt: skip


def test_clocks_that_trtexec_reports_are_kept() -> None:
    run = parsed(CASES[2])
    assert run.facts == {"compute_clock_ghz": 1.71, "memory_clock_ghz": 7.0, "sms": 46}


def test_a_layout_change_of_openvino_belongs_to_its_reader() -> None:
    text = """<net name="x"><layers>
      <layer id="0" name="x" type="Input"><data execTimeMcs="not_executed" originalLayersNames="x"
        primitiveType="unknown_f32"/></layer>
      <layer id="1" name="x_nchw" type="Reorder"><data execTimeMcs="70" originalLayersNames=""
        primitiveType="reorder_f32"/></layer>
      <layer id="2" name="conv" type="Convolution"><data execTimeMcs="200"
        originalLayersNames="conv,relu" primitiveType="brgconv_avx512_I8"/></layer>
      <layer id="3" name="made" type="Subgraph"><data execTimeMcs="5" originalLayersNames="Made_1"
        primitiveType="jit_f32"/></layer></layers>
      <edges><edge from-layer="0" to-layer="1"/><edge from-layer="1" to-layer="2"/>
      <edge from-layer="2" to-layer="3"/></edges></net>"""
    found = kit_runtime("benchmark_app").layers(f"[ INFO ] text\n{text}\nmore", {"conv", "relu"})
    assert [(layer.nodes, layer.us, layer.layout) for layer in found.layers] == [
        (("conv", "relu"), 70.0, True),
        (("conv", "relu"), 200.0, False),
        (("conv", "relu"), 5.0, False),
    ]
    assert found.precision == "int8"


@pytest.mark.parametrize("text", ["", "<net <</net>", "<net><!DOCTYPE x></net>", "<net></net>"])
def test_a_damaged_executed_graph_has_no_layers(text: str) -> None:
    assert kit_runtime("benchmark_app").layers(text, set()).layers == ()
