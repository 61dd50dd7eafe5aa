"""OpenVINO's `benchmark_app`, the C++ and the Python one, of 2021 to 2026."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import ClassVar

from maenas.budgets.kit.exec_graph import exec_graph_layers
from maenas.budgets.kit.runtime import Facts, KitRuntime, LogError, ToolLayers, ToolRun
from maenas.budgets.latency import Precision

VERSION = re.compile(r"(?:Build|API version|OpenVINO Runtime version)[ .:]*(\d{4}\.\d+(?:\.\d+)?)")
# "Median: 10.4 ms"; before 2022.1 the latency stands alone after "Latency:".
LATENCY = re.compile(
    r"(?:Median|AVG|Average|Latency): +([\d.]+(?:e[+-]?\d+)?) *(ms|us)", re.IGNORECASE
)
MEAN = re.compile(r"(?:AVG|Average): +([\d.]+(?:e[+-]?\d+)?) *(ms|us)", re.IGNORECASE)
PRECISION = re.compile(r"INFERENCE_PRECISION_HINT[ :,]+(?:<Type: ')?(\w+)")
BF16 = re.compile(r"ENFORCE_BF16[ :,]+(YES|NO)")  # of 2022.1, which has no precision hint
THREADS = re.compile(r"(?:INFERENCE_NUM_THREADS|CPU_THREADS_NUM)[ :,]+(\d+)")
DEVICES = re.compile(r"EXECUTION[_ ]DEVICES[ :,]*[\[{'\" ]*([A-Z]+)", re.IGNORECASE)
DEVICE_INFO = re.compile(r"Device info:?\s+(?:\[ INFO \])?\s*([A-Z]+)\b")
TYPES: dict[str, Precision] = {
    **dict.fromkeys(("float32", "f32"), "f32"),
    **dict.fromkeys(("float16", "f16"), "f16"),
    **dict.fromkeys(("bfloat16", "bf16"), "bf16"),
}  # fmt: skip
SHELL = """\
find_tool() {
  TOOL=${TOOL:-benchmark_app}
  command -v "$TOOL" >/dev/null 2>&1 && return 0
  echo "measure.sh: $TOOL is not there: pip install openvino, or TOOL=/path/to/benchmark_app" >&2
  return 1
}

bench() { # MODEL, further options
  model=$1; shift
  "$TOOL" -m "graphs/$model.onnx" -d "$DEVICE" -hint none -nstreams 1 -api sync -ip f32 \\
    -t "$SECONDS_EACH" @PRECISION@ @CPU@ "$@"
}

prepare() { :; }

time_graph() { bench "$1"; }

time_layers() {
  rm -f logs/exec.xml
  bench "$1" -pc -exec_graph_path logs/exec.xml >logs/exec.txt || { cat logs/exec.txt; return 1; }
  cat logs/exec.xml
  rm -f logs/exec.xml logs/exec.bin logs/exec.txt
}
"""


class BenchmarkApp(KitRuntime):
    """OpenVINO's tool, on a CPU, a GPU or an NPU."""

    name = "benchmark_app"
    tool = "benchmark_app"
    backend = "openvino"
    precisions = ("f32", "bf16", "f16", "int8")
    has_layers = True
    install = "`pip install openvino` on the device, or its C++ samples"
    settings: ClassVar = {
        "DEVICE": "CPU, GPU, GPU.1 or NPU; CPU if left out",
        "THREADS": "number of CPU threads; all if left out",
    }

    def shell(self, precision: Precision | None, threads: int | None) -> str:
        hint = {"int8": "f32", None: ""}.get(precision, precision)
        pinned = '$([ "$DEVICE" = CPU ] && echo "-nthreads $THREADS -pin YES")'
        filled = SHELL.replace("@PRECISION@", f"-infer_precision {hint}" if hint else "")
        count = "$(getconf _NPROCESSORS_ONLN)" if threads is None else str(threads)
        return (
            f"DEVICE=${{DEVICE:-CPU}}\nTHREADS=${{THREADS:-{count}}}\n\n"
            f"{filled.replace('@CPU@', pinned)}"
        )

    def parse(self, text: str, facts: Facts, built: str = "") -> ToolRun:
        found = LATENCY.search(text)
        if "[Step " not in text:
            raise LogError("is not a log of benchmark_app")
        if found is None:
            raise LogError("holds no latency of benchmark_app")
        mean = MEAN.search(text)
        device = next(
            (m[1] for pattern in (DEVICES, DEVICE_INFO) if (m := pattern.search(text))), "CPU"
        )
        threads = THREADS.search(text)
        version = VERSION.search(text)
        cpu = facts.get("cpu", "unknown")
        return ToolRun(
            (_milliseconds(found),),
            runtime=f"OpenVINO {version[1]}" if version else "OpenVINO",
            device=cpu if device == "CPU" else f"{device} of {cpu}",
            hardware="cpu" if device == "CPU" else "gpu",
            precision=_precision(text),
            threads=int(threads[1]) if threads and device == "CPU" else None,
            mean_ms=None if mean is None else _milliseconds(mean),
        )

    def layers(self, text: str, known: Collection[str]) -> ToolLayers:
        return exec_graph_layers(text, known)


def _milliseconds(found: re.Match[str]) -> float:
    """Return a time that was printed in milliseconds or microseconds."""
    return float(found[1]) / (1e3 if found[2].lower() == "us" else 1)


def _precision(text: str) -> Precision | None:
    found = PRECISION.search(text)
    if found is not None:
        return TYPES.get(found[1])
    old = BF16.search(text)
    if old is not None:
        return "bf16" if old[1] == "YES" else "f32"
    return None
