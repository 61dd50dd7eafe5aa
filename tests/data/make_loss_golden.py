"""Make `loss_golden.json`: labels and losses of DAMO-YOLO on known predictions.

    python tests/data/make_loss_golden.py GOLDEN_DIR

GOLDEN_DIR holds `loss_S.json` and `atss.json`: the reference (tinyvision/DAMO-YOLO @ 319572e,
2024-03-26, Apache-2.0) run on CPU in float32, on predictions that tests/detector/losses makes
again. Kept:

    targets         boxes and labels of four images of 320 x 320
    cases           by name: the parts of the loss, matched priors of each image as
                    [prior, object, soft label], norms and samples of gradients
    atss            matched priors of images 0 and 1 as [prior, object]

Cases: `given` predictions for images 0, 1 and 2; `nothing`, image 2 alone, without objects;
`tiny`, image 3, objects smaller than the grid, where the float32 costs of the reference decide
by chance; `network`, images 0 and 1 through the golden S in training mode.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

OUT = Path(__file__).with_name("loss_golden.json")
CASES = {"given": "A_pure", "nothing": "A3_empty", "tiny": "A2_degenerate", "network": "B_train"}
PARTS = ("total", "qfl", "giou", "dfl", "num_pos")
GRADIENTS = ("grad_cls_norm", "grad_reg_norm", "grad_cls_samples", "grad_reg_samples", "grads")


def main(folder: Path) -> None:
    """Read the goldens in `folder`, write the part the tests need."""
    golden = json.loads((folder / "loss_S.json").read_text())
    golden["B_train"] |= golden["B_train"].pop("steps")[0]
    atss = json.loads((folder / "atss.json").read_text())
    entries = [
        f'"targets": {json.dumps(golden["targets"])}',
        *(f'"{name}": {json.dumps(kept(golden[theirs]))}' for name, theirs in CASES.items()),
        f'"atss": {json.dumps([matches(atss[image], ()) for image in ("0", "1")])}',
    ]
    OUT.write_text("{\n" + ",\n".join(entries) + "\n}\n")
    print(f"{OUT}: {OUT.stat().st_size:,} bytes")


def kept(case: dict[str, Any]) -> dict[str, Any]:
    """Losses, matches and gradients of a case."""
    return {
        **{part: case[part] for part in (*PARTS, *GRADIENTS) if part in case},
        "matches": [matches(image, ("score",)) for image in case["assign"]],
    }


def matches(rows: list[dict[str, Any]], also: tuple[str, ...]) -> list[list[float]]:
    """Matched priors of an image as lists."""
    return [[row[key] for key in ("anchor", "gt", *also)] for row in rows]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
