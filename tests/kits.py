"""A small kit, and a tool that takes a known time for each of its graphs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from maenas.budgets.graph import graph_layers
from maenas.budgets.graph.operator_graph import reference_graph
from maenas.budgets.kit.manifest import Manifest, load_manifest
from maenas.kit.write import KitRequest, write_kit
from tests.slow_machine import profile_items, true_us

TOOL = """\
#!/bin/sh
# Prints what benchmark_app prints, with the time that lies in times/ for the graph after -m.
[ "$1" = -m ] || exit 3
name=$(basename "$2" .onnx)
echo "$name" >>calls
[ -f "fails/$name" ] && { echo "[ ERROR ] no operator Conv"; exit 1; }
echo "[Step 1/11] Parsing and validating input arguments"
echo "[ INFO ] Build ................................. ${VERSION:-2026.4.1}-22982-releases/2026/4"
echo "[ INFO ]   INFERENCE_NUM_THREADS: 1"
echo "[ INFO ]   INFERENCE_PRECISION_HINT: <Type: '${PRECISION:-float32}'>"
echo "[ INFO ] Execution Devices:['CPU']"
echo "[ INFO ] Latency:"
echo "[ INFO ]    Median:        $(cat "times/$name") ms"
"""


def small_kit(folder: Path, fitted: int = 9, held_out: int = 6) -> Manifest:
    """Write a kit of tiny networks for benchmark_app, with its tool in place."""
    items = profile_items(fitted, held_out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("maenas.kit.graphs.kit_items", lambda *_: items)
        write_kit(folder, KitRequest("benchmark_app", threads=1, name="small"))
    manifest = load_manifest(folder)
    (folder / "times").mkdir()
    (folder / "fails").mkdir()
    for graph in manifest.graphs:
        us = sum(map(true_us, (op for one in manifest.layers_of(graph) for op in one.ops)))
        (folder / "times" / graph.name).write_text(f"{us / 1e3:.6f}")
    us = sum(map(true_us, graph_layers(reference_graph()).ops))
    (folder / "times" / "reference").write_text(f"{us / 1e3:.6f}")
    tool = folder / "tool"
    tool.write_text(TOOL)
    tool.chmod(0o755)
    return manifest


def measure(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a kit with its tool."""
    environment = {"PATH": os.environ["PATH"], "TOOL": "./tool", "ROUNDS": "2", **settings}
    return subprocess.run(
        ["sh", "measure.sh"], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
