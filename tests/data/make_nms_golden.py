"""Make `nms_golden.json`: what DAMO-YOLO's own NMS keeps of known boxes and scores.

    python tests/data/make_nms_golden.py GOLDEN_DIR

GOLDEN_DIR holds `nms.json`: the reference (tinyvision/DAMO-YOLO @ 319572e, 2024-03-26,
Apache-2.0) run on CPU in float32 on the boxes and scores that tests/detector/ops/test_nms.py makes
again. Kept for each pair of thresholds:

    min_score, max_iou
    count           boxes left, at most 500
    per_class       how many of each class
    sum_scores      of all that are left
    first           the 20 best: class, score and box (x1, y1, x2, y2)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FIRST = 20
OUT = Path(__file__).with_name("nms_golden.json")


def main(folder: Path) -> None:
    """Read the golden in `folder`, write the part the tests need."""
    kept = []
    for thresholds, golden in json.loads((folder / "nms.json").read_text()).items():
        min_score, max_iou = map(float, thresholds.split("_"))
        rows = zip(golden["labels"], golden["scores"], golden["boxes"], strict=True)
        kept.append(
            {
                "min_score": min_score,
                "max_iou": max_iou,
                "count": golden["n"],
                "per_class": golden["label_hist"],
                "sum_scores": round(golden["sum_scores"], 4),
                "first": [
                    [label, round(score, 6), *(round(side, 3) for side in box)]
                    for label, score, box in list(rows)[:FIRST]
                ],
            }
        )
    lines = ",\n".join(json.dumps(case) for case in kept)
    OUT.write_text(f"[\n{lines}\n]\n")
    print(f"{OUT}: {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
