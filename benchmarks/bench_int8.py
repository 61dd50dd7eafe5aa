"""What INT8 costs a trained detector in AP, and how fast it is.

    python -m benchmarks.bench_int8 DETECTOR DATA

DETECTOR is a detector with weights, DATA a data set with training images (the first 128 are used
for calibration) and validation images. Exports to ONNX and OpenVINO in f32 and INT8, runs
`maenas val` on each file, and prints COCO's AP and the median time of the network. Needs NNCF:
`pip install -e '.[int8]'`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.entry import Parser, existing, run_main
from benchmarks.machine import commit, maenas, write_csv
from maenas.detector.data.readers.read import read_dataset
from maenas.detector.export.options import SUFFIXES, Format

FORMATS: tuple[Format, ...] = ("openvino", "onnx")


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("detector", type=existing, help="detector with weights")
    parser.add_argument("data", type=existing, help="data set with the splits train and val")
    arguments = parser.parse_args()
    examples = read_dataset(arguments.data, "train").samples[0].path.parent
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMATS:
            for precision in ("f32", "int8"):
                path = Path(folder) / f"{precision}{SUFFIXES[form]}"
                result = run("export", arguments.detector, "--format", form, "--out", path,
                           "--precision", precision, "--calibration", examples)  # fmt: skip
                found = run("val", path, "--data", arguments.data, "--no-save")
                row = {
                    "format": form,
                    "precision": precision,
                    "ap": round(found["ap"], 4),
                    "ap50": round(found["ap50"], 4),
                    "network_ms": round(found["median_ms"]["network"], 2),
                    "mean_score_difference": f"{result['difference']['mean_scores']:.1e}",
                    "mean_box_difference_px": f"{result['difference']['mean_boxes']:.1e}",
                    "images": found["images"],
                    "runtime": found["runtime"].rpartition(", ")[0],
                    "commit": commit(),
                }
                print(", ".join(f"{name} {value}" for name, value in row.items()))
                rows.append(row)
    print(write_csv("int8", rows, list(rows[0])))


def run(*arguments: object) -> dict[str, Any]:
    """Run a command of `maenas`; returns the JSON that it prints."""
    result: dict[str, Any] = json.loads(maenas(*arguments, "--json"))
    return result


if __name__ == "__main__":
    run_main(main)
