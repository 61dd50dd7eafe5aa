"""ONNX Runtime's `onnxruntime_perf_test`, and the same measurement by its Python package."""

from __future__ import annotations

import re
from typing import ClassVar

from maenas.budgets.kit.runtime import Facts, KitRuntime, LogError, ToolRun
from maenas.budgets.latency import Precision

# A row of the result file: model, seconds[, seconds in total since 1.24], memory, CPU, number.
ROW = re.compile(r"^[^,\n]*,([\d.e+-]+),(?:([\d.e+-]+),)?\d+,\d+,\d+$", re.MULTILINE)
MEDIAN = re.compile(r"P50 Latency(?::| is) *([\d.e+-]+) *s")
AVERAGE = re.compile(r"(?:Average (?:inference )?time cost: *|avg latency: )([\d.e+-]+) ms")
VERSION = re.compile(r"(?:ONNX Runtime|ORT) version: *(\d+\.\d+[\d.]*)")
THREADS = re.compile(r"intra_op_num_threads to (\d+)")
PROVIDER = re.compile(r"Execution provider: (\w+)ExecutionProvider")
PYTHON = """\
import sys, time
import numpy, onnxruntime
path, seconds, threads = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
wanted = [sys.argv[4] + "ExecutionProvider"]
session = onnxruntime.InferenceSession(path, options, providers=wanted)
random = numpy.random.default_rng(0)
feeds = {one.name: random.random(one.shape, numpy.float32) for one in session.get_inputs()}
for _ in range(3):
    session.run(None, feeds)
print("ONNX Runtime version: " + onnxruntime.__version__)
print("Setting intra_op_num_threads to %d" % threads)
print("Execution provider: " + session.get_providers()[0])
times, begin = [], time.perf_counter()
while len(times) < 6 or (time.perf_counter() - begin < seconds and len(times) < 500):
    start = time.perf_counter()
    session.run(None, feeds)
    times.append(time.perf_counter() - start)
for index, each in enumerate(times):
    print("%s,%.9f,0,0,%d" % (path, each, index))
print("Average inference time cost: %.6f ms" % (1e3 * sum(times) / len(times)))
"""
SHELL = """\
find_tool() {
  TOOL=${TOOL:-onnxruntime_perf_test}
  command -v "$TOOL" >/dev/null 2>&1 && return 0
  for PYTHON in ${PYTHON:-python3 python}; do
    "$PYTHON" -c 'import onnxruntime, numpy' 2>/dev/null && TOOL= && return 0
  done
  echo "measure.sh: neither $TOOL nor Python with onnxruntime is there: pip install onnxruntime," \\
    "or TOOL=/path/to/onnxruntime_perf_test" >&2
  return 1
}

prepare() { :; }

time_graph() {
  if [ -z "$TOOL" ]; then
    "$PYTHON" -c "$PROGRAM" "graphs/$1.onnx" "$SECONDS_EACH" "$THREADS" "$PROVIDER"
    return
  fi
  echo "Execution provider: ${PROVIDER}ExecutionProvider"
  echo "Setting intra_op_num_threads to $THREADS"
  rm -f logs/result.csv
  "$TOOL" -I -t "$SECONDS_EACH" -x "$THREADS" -y 1 -o 99 \\
    -e "$(echo "$PROVIDER" | tr '[:upper:]' '[:lower:]')" "graphs/$1.onnx" logs/result.csv
  status=$?
  [ -f logs/result.csv ] && head -500 logs/result.csv && rm -f logs/result.csv
  return "$status"
}

time_layers() { :; }
"""


class OnnxRuntimePerf(KitRuntime):
    """ONNX Runtime's tool, or its Python package where the tool is missing."""

    name = "onnxruntime_perf"
    tool = "onnxruntime_perf_test"
    backend = "onnxruntime"
    precisions = ("f32",)
    install = "built with ONNX Runtime; without it the script uses `pip install onnxruntime`"
    settings: ClassVar = {
        "THREADS": "number of CPU threads; all if left out",
        "PROVIDER": "execution provider; CPU if left out, CUDA for a GPU",
        "PYTHON": "Python with onnxruntime, if the tool is missing",
    }

    def shell(self, precision: Precision | None, threads: int | None) -> str:
        count = "$(getconf _NPROCESSORS_ONLN)" if threads is None else str(threads)
        return (
            f"THREADS=${{THREADS:-{count}}}\nPROVIDER=${{PROVIDER:-CPU}}\nPROGRAM='{PYTHON}'\n\n"
            f"{SHELL}"
        )

    def parse(self, text: str, facts: Facts, built: str = "") -> ToolRun:
        ms = [1e3 * float(row[1] or row[0]) for row in ROW.findall(text)]
        if not ms:
            middle, average = MEDIAN.search(text), AVERAGE.search(text)
            if middle is None and average is None:
                raise LogError("holds no latency of onnxruntime_perf_test")
            ms = [1e3 * float(middle[1]) if middle else float(average[1])]  # type: ignore[index]
        provider = PROVIDER.search(text)
        is_cpu = provider is None or provider[1] in ("CPU", "XNNPACK", "Dnnl", "ACL", "OpenVINO")
        threads, version = THREADS.search(text), VERSION.search(text)
        name = "ONNX Runtime" if version is None else f"ONNX Runtime {version[1]}"
        if provider is not None and provider[1] != "CPU":
            name += f" with {provider[1]}"
        return ToolRun(
            tuple(ms),
            runtime=name,
            device=facts.get("cpu", "unknown") if is_cpu else facts.get("gpu", "unknown"),
            hardware="cpu" if is_cpu else "gpu",
            precision="f32",  # that of the graphs, which this runtime keeps
            threads=int(threads[1]) if threads and is_cpu else None,
        )
