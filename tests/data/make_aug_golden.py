"""Make `aug_golden.json`: what DAMO-YOLO's augmentation makes of a known image and draws.

    python tests/data/make_aug_golden.py GOLDEN_DIR

GOLDEN_DIR holds `aug.json`: the reference (tinyvision/DAMO-YOLO @ 319572e, 2024-03-26,
Apache-2.0) run on CPU on an image that tests/detector/data/augment/test_sada.py makes again.
Kept as they are, numbers to 9 digits:

    policies, sample_prob       SADA's decoded policy, and the chances of boxes by their size
    color, geo                  colour operations by NAME_LEVEL, geometric by NAME_LEVEL_SIGN:
                                mean, least, greatest, and 32 values at the places `idx`
    gauss, gauss_crop           windows, sampled
    merge_autocontrast          a colour operation seen through two boxes' windows
    affine, affine_boxes, affine_segment, mosaic, preproc
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

DIGITS = 9
OUT = Path(__file__).with_name("aug_golden.json")


def main(folder: Path) -> None:
    """Read the golden in `folder`, write it without the repeated places."""
    golden = json.loads((folder / "aug.json").read_text())
    indices = golden["merge_autocontrast"]["idx"]
    kept = {"idx": indices, **{key: shortened(value, indices) for key, value in golden.items()}}
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in kept.items())
    OUT.write_text(f"{{\n{lines}\n}}\n")
    print(f"{OUT}: {OUT.stat().st_size:,} bytes")


def shortened(value: Any, indices: list[int]) -> Any:
    """The value with rounded numbers, and without `idx` where it is the common one."""
    if isinstance(value, dict):
        sampled = "val" in value
        if sampled:
            assert value["idx"] == indices
        left = {key: item for key, item in value.items() if not (sampled and key == "idx")}
        return {key: shortened(item, indices) for key, item in left.items()}
    if isinstance(value, list):
        return [shortened(item, indices) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value


if __name__ == "__main__":
    main(Path(sys.argv[1]))
