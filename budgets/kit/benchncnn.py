"""ncnn's `benchncnn`, of the versions that take a file (`param=`)."""

from __future__ import annotations

import re
from typing import ClassVar

import onnx

from maenas.budgets.kit.ncnn_param import ncnn_param
from maenas.budgets.kit.onnx_files import SharedWeights
from maenas.budgets.kit.runtime import Facts, KitRuntime, LogError, ToolRun
from maenas.budgets.latency import Precision
from maenas.budgets.profiling.attention_modules import encoder_layer
from maenas.budgets.profiling.block_modules import normalised_block
from maenas.budgets.profiling.head_modules import sampled_map, selection

TIMES = re.compile(r"min = *([\d.]+) +max = *([\d.]+) +avg = *([\d.]+)")
SETTING = re.compile(r"^(\w+) = (-?\d+)$", re.MULTILINE)
GPU = re.compile(r"^\[(\d+) (.+?)\] ", re.MULTILINE)
HALF = re.compile(r"fp16(?:a=|-p/s(?:/u)?/a=\d/\d(?:/\d)?/)(\d)")
SHELL = """\
find_tool() {
  TOOL=${TOOL:-benchncnn}
  command -v "$TOOL" >/dev/null 2>&1 && return 0
  [ -x ./benchncnn ] && TOOL=./benchncnn && return 0
  echo "measure.sh: benchncnn is not there: build it with ncnn (NCNN_BUILD_BENCHMARK=ON), then" \\
    "TOOL=/path/to/benchncnn sh measure.sh" >&2
  return 1
}

prepare() { :; }

time_graph() {
  keys=$(sed -n 's/^Input .* \\(0=.*\\)/\\1/p' "graphs/$1.param") # such as 0=640 1=640 2=3
  size=$(echo "$keys" | sed 's/[012]=//g; s/ /,/g')
  "$TOOL" "$LOOPS" "$THREADS" "$POWERSAVE" "$GPU" 0 "param=graphs/$1.param" "shape=[$size]"
}

time_layers() { :; }
"""


class BenchNcnn(KitRuntime):
    """ncnn's tool on a CPU or, by Vulkan, on a GPU; the files hold no weights."""

    name = "benchncnn"
    tool = "benchncnn"
    backend = "ncnn"
    graph_suffix = ".param"
    install = "built with ncnn by NCNN_BUILD_BENCHMARK=ON; one program without further files"
    settings: ClassVar = {
        "THREADS": "number of CPU threads; all if left out",
        "POWERSAVE": "0 all cores, 1 little cores, 2 big cores; 0 if left out",
        "GPU": "number of a Vulkan GPU; -1, the CPU, if left out",
        "LOOPS": "inferences of each run; 20 if left out",
    }
    lacks = (encoder_layer, normalised_block, sampled_map, selection)

    def shell(self, precision: Precision | None, threads: int | None) -> str:
        count = "$(getconf _NPROCESSORS_ONLN)" if threads is None else str(threads)
        return (
            f"THREADS=${{THREADS:-{count}}}\nPOWERSAVE=${{POWERSAVE:-0}}\nGPU=${{GPU:--1}}\n"
            f"LOOPS=${{LOOPS:-20}}\n\n{SHELL}"
        )

    def parse(self, text: str, facts: Facts, built: str = "") -> ToolRun:
        found = TIMES.search(text)
        if found is None:
            raise LogError("holds no line of benchncnn with min, max and avg")
        settings = {key: int(value) for key, value in SETTING.findall(text)}
        gpu = settings.get("gpu_device", -1)
        is_cpu = gpu < 0
        gpus = dict(GPU.findall(text))
        told = {key: settings[key] for key in ("powersave", "loop_count") if key in settings}
        return ToolRun(
            (float(found[3]),),
            runtime="ncnn",
            device=facts.get("board") or facts.get("cpu", "unknown")
            if is_cpu
            else gpus.get(str(gpu), "a Vulkan GPU"),
            hardware="cpu" if is_cpu else "gpu",
            precision=_precision(text, facts, is_cpu),
            threads=settings.get("num_threads") if is_cpu else None,
            facts=told,
        )

    def reason(self, text: str) -> str:
        wrong = [line for line in text.splitlines() if "not exists" in line or "ailed" in line]
        return wrong[0].strip()[:200] if wrong else super().reason(text)

    def graph_files(
        self, name: str, model: onnx.ModelProto, precision: Precision | None, weights: SharedWeights
    ) -> dict[str, bytes]:
        return {f"{name}.param": ncnn_param(model).encode()}


def _precision(text: str, facts: Facts, is_cpu: bool) -> Precision:
    """Return the number format: benchncnn allows 16 bits, and ncnn uses them where it can.

    A CPU computes in them if it has Arm's half precision instructions, a GPU if it reports them.
    """
    if is_cpu:
        return "f16" if "asimdhp" in facts.get("fp16", "") else "f32"
    half = HALF.search(text)
    return "f16" if half is not None and half[1] == "1" else "f32"
