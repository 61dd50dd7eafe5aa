"""Make `distill_golden.json`: feature losses and the weight's schedule of DAMO-YOLO.

    python tests/data/make_distill_golden.py GOLDEN_DIR

GOLDEN_DIR holds `distill.json` and `schedule.json`: the reference (tinyvision/DAMO-YOLO
@ 319572e, 2024-03-26, Apache-2.0) run on CPU with maps and projections that
tests/detector/distill makes again. Kept:

    cwd, mimic  in float64: the loss, the length of its gradient by the student's map of each
                level, and by each projection's weight (by its bias it is 0)
    weight      of the feature loss at some steps of a training on COCO
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

OUT = Path(__file__).with_name("distill_golden.json")


def main(folder: Path) -> None:
    """Read the goldens in `folder`, write the part the tests need."""
    losses = json.loads((folder / "distill.json").read_text())
    schedule = json.loads((folder / "schedule.json").read_text())
    kept = {
        name: {
            "loss": golden["fp64"]["loss"],
            "maps": golden["fp64"]["per_level_grad_norm"],
            "projections": golden["fp64"]["align_grad_norm"][::2],
        }
        for name, golden in losses.items()
    }
    kept["weight"] = {"total": schedule["total"], "at": schedule["distill_weight"]}
    entries = [f'"{name}": {json.dumps(value)}' for name, value in kept.items()]
    OUT.write_text("{\n" + ",\n".join(entries) + "\n}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
