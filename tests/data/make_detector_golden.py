"""Make `detector_golden.npz`: what DAMO-YOLO's own detectors return for known weights and images.

    python tests/data/make_detector_golden.py GOLDEN_DIR

GOLDEN_DIR holds `<model>_state_dict.json` of all seven models, and `<model>_bn.npz` and
`<model>.npz` of some: the reference (tinyvision/DAMO-YOLO @ 319572e, 2024-03-26, Apache-2.0) run
on CPU in float64, in training form and eval mode, before NMS. `tests/golden.py` makes the same
weights and images again. The BatchNorm statistics are those of one training pass of backbone
and neck over image A, in float64 and rounded to float32: with made-up ones such deep networks
fade to a constant or blow up. The tests make them again by such a pass; a few are kept to
compare.

Kept for every model:

    <model>_keys    JSON of its state dict: [key, shape] of each entry, in order

and for those of `RUN`, images A (1 x 3 x 640 x 640, nano 416 x 416) and B (1 x 3 x 320 x 448):

    <model>_norms           (N, 2, 2) mean and variance of two channels, the first and the last,
                            of each BatchNorm in the order of the state dict
    <model>_std             (S,) standard deviation of the output of each stage of the backbone,
                            then of P3, P4 and P5 of the neck, for image B
    <model>_idx, _val       (S, 32) flat indices into those outputs and the values there
    <model>_A_cls, _B_cls   (2, 256) flat indices into the class scores and the values there
    <model>_A_box, _B_box   (64, 5) index of a position, then its box
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

MODELS = ("T", "S", "M", "L", "Ns", "Nm", "Nl")
RUN = ("T", "S", "L", "Ns", "Nl")  # M is made of the blocks of L, Nm of those of Ns
LEVELS = ("neck.merge_5", "neck.merge_7", "neck.merge_6")
OUT = Path(__file__).with_name("detector_golden.npz")


def main(folder: Path) -> None:
    """Read the goldens in `folder`, write the ones the tests need."""
    kept: dict[str, np.ndarray] = {}
    for model in MODELS:
        keys = json.loads((folder / f"{model}_state_dict.json").read_text())
        kept[f"{model}_keys"] = np.array(json.dumps(keys, separators=(",", ":")))
        if model in RUN:
            for name, array in outputs(folder, model, keys).items():
                kept[f"{model}_{name}"] = array
    np.savez_compressed(OUT, **kept)
    print(f"{OUT}: {OUT.stat().st_size:,} bytes")


def outputs(folder: Path, model: str, keys: list[list[object]]) -> dict[str, np.ndarray]:
    """The arrays kept for one model that was run."""
    statistics, golden = np.load(folder / f"{model}_bn.npz"), np.load(folder / f"{model}.npz")
    norms = [
        str(key).removesuffix(".running_mean") for key, _ in keys if "running_mean" in str(key)
    ]
    names = json.loads(str(golden["B_names"]))
    container = "csp_stage" if "backbone.csp_stage.0" in names else "block_list"
    stages = [name for name in names if name.rsplit(".", 1)[0] == f"backbone.{container}"]
    rows = [names.index(name) for name in (*stages, *LEVELS)]
    kept = {
        "norms": np.array(
            [
                [statistics[f"{norm}.{name}"][[0, -1]] for name in ("running_mean", "running_var")]
                for norm in norms
            ]
        ),
        "std": golden["B_stats"][rows, 1],
        "idx": golden["B_idx"][rows, ::2].astype(np.int32),
        "val": golden["B_val"][rows, ::2].astype(np.float32),
    }
    scores = golden["B_cls"].ravel()
    sampled = np.linspace(0, scores.size - 1, 256).astype(np.int64)
    kept["B_cls"] = np.stack([sampled, scores[sampled]])
    step = len(golden["A_cls_idx"]) // 256
    kept["A_cls"] = np.stack([golden["A_cls_idx"], golden["A_cls_val"]])[:, ::step]
    for case in "AB":
        boxes = golden[f"{case}_box"]
        positions = np.linspace(0, len(boxes) - 1, 64).astype(np.int64)
        kept[f"{case}_box"] = np.column_stack([positions, boxes[positions]])
    return kept


if __name__ == "__main__":
    main(Path(sys.argv[1]))
