"""Make `train_golden.json`: optimizer, moving average and learning rates of DAMO-YOLO.

    python tests/data/make_train_golden.py GOLDEN_DIR

GOLDEN_DIR holds `optim_ema.json` and `schedule.json`: the reference (tinyvision/DAMO-YOLO
@ 319572e, 2024-03-26, Apache-2.0) run on CPU in float32 with weights and gradients that
tests/detector/train makes again. Kept:

    optimizer   of S (SGD) and Ns (AdamW): tensors with and without decay, and after each of
                three steps the rate, the momentum of the average, the first numbers of some
                parameters and of their averages
    schedule    of COCO: the rate and the momentum of the average at some steps
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

OUT = Path(__file__).with_name("train_golden.json")
KEPT = ("groups", "schedule", "steps")


def main(folder: Path) -> None:
    """Read the goldens in `folder`, write the part the tests need."""
    steps = json.loads((folder / "optim_ema.json").read_text())
    schedule = json.loads((folder / "schedule.json").read_text())
    del schedule["distill_weight"]
    entries = [
        *(
            f'"{model}": {json.dumps({name: golden[name] for name in KEPT})}'
            for model, golden in steps.items()
        ),
        f'"schedule": {json.dumps(schedule)}',
    ]
    OUT.write_text("{\n" + ",\n".join(entries) + "\n}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
