"""Make `max_entropy_golden.json`: what the reference code scores for published structures.

    python tests/data/make_max_entropy_golden.py MEASURED.json

MEASURED.json holds structures as field lists and the figures of the reference for them
(alibaba/lightweight-neural-architecture-search, Apache-2.0), run on CPU: closed form and
effectiveness by its version 2.0.0 (8ccaf88, 2023-08), the Monte-Carlo scores by the version that
DAMO-YOLO was searched with (c2eb127, 2022-11). The expectations were propagated from the
structures by an implementation of its own, in float64.

Kept here, for each structure:

    in_shape        (channels, height, width) of the stem's input
    stages          block, out_channels, kernel_size, stride, bottleneck_channels, depth; the last
                    two are null for a plain convolution
    levels          score of each level C1 to C5, where known
    scores          [weights, score] pairs
    effectiveness   null where the reference cannot tell (two-convolution units)
    expected        weights, and score by resolution with zero padding counted in
    monte_carlo     resolution, weights, seeds, mean and standard deviation of forward passes
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

OUT = Path(__file__).with_name("max_entropy_golden.json")
BLOCKS = {
    "ConvKXBNRELU": "conv_stem",
    "SuperResK1KX": "res_k1kx",
    "SuperResKXKX": "res_kxkx",
    "SuperResK1KXK1": "res_k1kxk1",
    "SuperResK1DWK1": "res_k1dwk1",
    "SuperResK1DWSEK1": "res_k1dwsek1",
}


def main(path: Path) -> None:
    """Read the measurements at `path`, write the ones the tests need."""
    measured = json.loads(path.read_text())
    kept = {name: published(entry) for name, entry in measured["structures"].items()}
    kept |= {
        name: initial(entry)
        for name, entry in measured["other_spaces"].items()
        if all(block["class"] in BLOCKS for block in entry["structure"])
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(kept[name])}" for name in kept]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{OUT}: {OUT.stat().st_size:,} bytes, {len(kept)} structures")


def published(entry: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a structure that everything was measured on."""
    expected = entry.get("expected_monte_carlo")
    return {
        **structure(entry),
        "levels": entry["stage_score"],
        "scores": [
            [json.loads(weights), score] for weights, score in entry["madnas"]["by_weights"].items()
        ],
        "effectiveness": entry["efficient_score"],
        "expected": expected
        and {
            "weights": expected["weights"],
            "by_resolution": {
                resolution: found["score"]
                for resolution, found in expected["by_resolution"].items()
            },
        },
        "monte_carlo": [
            {key: run[key] for key in ("resolution", "weights", "seeds", "mean", "std")}
            for run in entry.get("monte_carlo", [])
            if run["seeds"] > 1
        ],
    }


def initial(entry: dict[str, Any]) -> dict[str, Any]:
    """What is kept of another space's initial structure."""
    config = entry["score_config"]
    scores = [[config["multi_block_ratio"], entry["score"]]] if config["type"] == "madnas" else []
    return {
        **structure(entry),
        "levels": None,
        "scores": scores,
        "effectiveness": entry["get_efficient_score"],
        "expected": None,
        "monte_carlo": [],
    }


def structure(entry: dict[str, Any]) -> dict[str, Any]:
    """Input and stages of a structure."""
    blocks, side = entry["structure"], entry["image_size"]
    return {
        "in_shape": [blocks[0]["in"], side, side],
        "stages": [
            [BLOCKS[b["class"]], b["out"], b["k"], b["s"], b.get("btn"), b.get("L")] for b in blocks
        ],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
