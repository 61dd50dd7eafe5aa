"""NVIDIA's `trtexec` of TensorRT 7, 8 and 10."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import ClassVar

from maenas.budgets.backends.backend import LayerTime
from maenas.budgets.kit.runtime import Facts, KitRuntime, LogError, ToolLayers, ToolRun
from maenas.budgets.latency import Precision

STAMP = re.compile(r"^\[[\d/:\- ]+\] (?:\[[VIWE]\] ?)+", re.MULTILINE)  # of every line of 7.1 on
VERSION = re.compile(r"\[TensorRT v(\d+)\]")  # v8601, v100300
NAMED_VERSION = re.compile(r"TensorRT version: (\d+\.\d+(?:\.\d+)*)")
PACKAGE = re.compile(r"\d+\.\d+\.\d+")
AVERAGE = re.compile(r"Average on \d+ runs - GPU latency: ([\d.]+) ms")
SUMMARY = re.compile(r"GPU Compute Time: min = .*?median = ([\d.]+) ms")
OLD_SUMMARY = re.compile(r"GPU Compute\s*\n(?:.*\n){0,4}?\s*median: ([\d.]+) ms")  # of 7.x
PRECISION = re.compile(r"^ *Precision: (\S+)", re.MULTILINE)
DEVICE = re.compile(r"Selected Device: (.+)")
CLOCKS = {
    "compute_clock_ghz": re.compile(r"Compute Clock Rate: ([\d.]+) GHz"),
    "memory_clock_ghz": re.compile(r"Memory Clock Rate: ([\d.]+) GHz"),
}
SMS = re.compile(r"SMs: (\d+)")
# Rows of the profile: the times stand before the name of a layer, until 8.5 behind it.
ROW = re.compile(r"^ *\d+\.\d+ +(?P<us>\d+\.\d+)(?: +\d+\.\d+){1,2} +(?P<name>\S.*?) *$")
OLD_ROW = re.compile(r"^ *(?P<name>\S.*?) +\d+\.\d+ +(?P<us>\d+\.\d+)(?: +\d+\.\d+){1,2} *$")
PROFILE = re.compile(r"=== Profile \(\d+ iterations ?\) ===\n(.*?)(?:\n *\n|&&&&|\Z)", re.DOTALL)
NODE = re.compile(r"\s\+\s|\s\|\|\s|PWN\(|[(),]|\s")  # what stands between the nodes of a layer
FLAGS: dict[Precision, str] = {"f16": "--fp16", "f32": "--noTF32", "int8": "--int8 --fp16"}
SHELL = """\
find_tool() {
  for each in ${TOOL:-trtexec /usr/src/tensorrt/bin/trtexec /opt/tensorrt/bin/trtexec}; do
    command -v "$each" >/dev/null 2>&1 && TOOL=$each && return 0
  done
  echo "measure.sh: trtexec is not there: TOOL=/path/to/trtexec sh measure.sh" >&2
  return 1
}

prepare() {
  [ "$1" = reference ] && [ -s engines/reference ] && { cat engines/reference.txt; return; }
  mkdir -p engines
  "$TOOL" --onnx="graphs/$1.onnx" --saveEngine="engines/$1" @FLAGS@ $BUILD \\
    --iterations=1 --duration=0 --warmUp=0 >"engines/$1.txt" 2>&1
  built=$?
  cat "engines/$1.txt"
  return "$built"
}

run_engine() { # NAME, further options
  engine=$1; shift
  "$TOOL" --loadEngine="engines/$engine" --warmUp=200 --duration="$SECONDS_EACH" --iterations=20 \\
    --noDataTransfers --useSpinWait --avgRuns=1 "$@"
}

time_graph() { run_engine "$1"; }

time_layers() {
  run_engine "$1" --dumpProfile --separateProfileRun
  status=$?
  rm -f "engines/$1" "engines/$1.txt"
  return "$status"
}
"""


class TrtExec(KitRuntime):
    """NVIDIA's tool on a GPU or a Jetson; the time is that of the GPU, without copies."""

    name = "trtexec"
    tool = "trtexec"
    backend = "tensorrt"
    hardware = "gpu"
    precisions = ("f16", "f32", "int8")
    has_layers = True
    install = "part of TensorRT; on a Jetson /usr/src/tensorrt/bin/trtexec"
    settings: ClassVar = {"BUILD": "further options of the build, such as --memPoolSize=..."}

    def shell(self, precision: Precision | None, threads: int | None) -> str:
        flags = FLAGS[precision] if precision is not None else ""
        return f"BUILD=${{BUILD:-}}\n\n{SHELL.replace('@FLAGS@', flags)}"

    def parse(self, text: str, facts: Facts, built: str = "") -> ToolRun:
        plain, made = STAMP.sub("", text), STAMP.sub("", built)
        if "trtexec" not in plain:
            raise LogError("is not a log of trtexec")
        ms = [float(found) for found in AVERAGE.findall(plain)]
        if not ms:
            found = SUMMARY.search(plain) or OLD_SUMMARY.search(plain)
            if found is None:
                raise LogError("holds no GPU compute time of trtexec")
            ms = [float(found[1])]
        device = DEVICE.search(plain) or DEVICE.search(made)
        told: dict[str, str | float] = {
            name: float(clock[1])
            for name, pattern in CLOCKS.items()
            if (clock := pattern.search(plain) or pattern.search(made))
        }
        if (sms := SMS.search(plain)) is not None:
            told["sms"] = int(sms[1])
        return ToolRun(
            tuple(ms),
            runtime=_version(plain, facts),
            device=device[1].strip() if device else facts.get("gpu", "an NVIDIA GPU"),
            hardware="gpu",
            precision=_precision(made),
            facts=told,
        )

    def layers(self, text: str, known: Collection[str]) -> ToolLayers:
        found = PROFILE.search(STAMP.sub("", text))
        return ToolLayers(tuple(_layers(found[1], set(known)))) if found else ToolLayers()

    def reason(self, text: str) -> str:
        plain = STAMP.sub("", text)
        wrong = [line for line in STAMP.split(text) if "rror" in line]
        return " ".join(wrong[0].split())[:200] if wrong else super().reason(plain)


def _version(text: str, facts: Facts) -> str:
    """Return name and version of the runtime."""
    if (named := NAMED_VERSION.search(text)) is not None:
        return f"TensorRT {named[1]}"
    if (coded := VERSION.search(text)) is not None:
        number = int(coded[1])
        major = 10_000 if number >= 100_000 else 1_000  # of NV_TENSORRT_VERSION
        parts = number // major, number % major // 100, number % 100
        return f"TensorRT {'.'.join(map(str, parts))}"
    package = PACKAGE.search(facts.get("tensorrt", ""))
    return f"TensorRT {package[0]}" if package else "TensorRT"


def _precision(built: str) -> Precision | None:
    """Return the narrowest type that the build was allowed, as it prints it."""
    found = PRECISION.search(built)
    types = found[1].upper().split("+") if found else []
    names: tuple[tuple[str, Precision], ...] = (
        ("INT8", "int8"), ("FP16", "f16"), ("BF16", "bf16"), ("FP32", "f32")
    )  # fmt: skip
    return next((precision for name, precision in names if name in types), None)


def _layers(rows: str, known: set[str]) -> Iterator[LayerTime]:
    """Yield the layers of a profile; a reformat has the nodes of the layer that it serves."""
    for line in rows.splitlines():
        row = ROW.match(line) or OLD_ROW.match(line)
        name = row["name"] if row else ""
        if row and name != "Total":
            nodes = tuple(dict.fromkeys(part for part in NODE.split(name) if part in known))
            is_layout = name.lower().startswith("reformatting copynode")
            yield LayerTime(name, nodes, "", 1e3 * float(row["us"]), is_layout)
