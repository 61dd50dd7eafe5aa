"""Make `backbone_golden.npz`: what DAMO-YOLO's own backbones return for known weights and images.

    python tests/data/make_backbone_golden.py GOLDEN_DIR

GOLDEN_DIR holds `<model>_state_dict.json`, `<model>_bn.npz` and `<model>.npz` of each model: the
reference (tinyvision/DAMO-YOLO @ 319572e, 2024-03-26, Apache-2.0) run on CPU in float64, in
training form and eval mode. Its weights and its image are a hash of their position, `hashed` in
`tests/blocks/test_golden_features.py`. Only the BatchNorm statistics are data, those of one
training pass over an image: with made-up ones such deep networks fade to a constant or blow up.

Kept here, for models T, S, L and Ns (M is made of the blocks of L, Nm and Nl of those of Ns) and
an image of 1 x 3 x 320 x 448:

    <model>_convs   (N, 5) place of each convolution's weight in the reference's state dict, and
                    the shape of that weight, in order of execution; its BatchNorm comes next
    <model>_means   running means of the BatchNorms, end to end in the same order
    <model>_vars    running variances
    <model>_std     (S,) standard deviation of each stage's output
    <model>_idx     (S, 32) flat indices into it
    <model>_val     (S, 32) the values there
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

MODELS = ("T", "S", "L", "Ns")
OUT = Path(__file__).with_name("backbone_golden.npz")
# The reference registers the units of a CSP stage first; they run between the halves and the fuse.
CSP_ORDER = ("downsampler", "spp", "conv_shortcut", "conv_start", "convstem", "conv_fuse")


def main(folder: Path) -> None:
    """Read the goldens in `folder`, write the ones the tests need."""
    kept: dict[str, np.ndarray] = {}
    for model in MODELS:
        kept |= {f"{model}_{name}": array for name, array in backbone(folder, model).items()}
    np.savez_compressed(OUT, **kept)
    print(f"{OUT}: {OUT.stat().st_size:,} bytes")


def backbone(folder: Path, model: str) -> dict[str, np.ndarray]:
    """The arrays kept for one model."""
    keys = json.loads((folder / f"{model}_state_dict.json").read_text())
    statistics = np.load(folder / f"{model}_bn.npz")
    features = np.load(folder / f"{model}.npz")

    convs = [
        (position, key, shape)
        for position, (key, shape) in enumerate(keys)
        if key.startswith("backbone.") and len(shape) == 4
    ]
    convs.sort(key=lambda conv: execution_rank(conv[1]))  # stable: the rest is in order already
    norms = []
    for position, _, _ in convs:  # weight, bias, running_mean, running_var, num_batches_tracked
        prefix = keys[position + 1][0].removesuffix(".weight")
        assert keys[position + 4][0] == f"{prefix}.running_var"
        norms.append(prefix)

    names = json.loads(str(features["B_names"]))
    container = "csp_stage" if "backbone.csp_stage.0" in names else "block_list"
    stages = [name for name in names if name.rsplit(".", 1)[0] == f"backbone.{container}"]
    rows = [names.index(name) for name in stages]
    return {
        "convs": np.array([(position, *shape) for position, _, shape in convs], np.int32),
        "means": np.concatenate([statistics[f"{norm}.running_mean"] for norm in norms]),
        "vars": np.concatenate([statistics[f"{norm}.running_var"] for norm in norms]),
        "std": features["B_stats"][rows, 1],
        "idx": features["B_idx"][rows, ::2],
        "val": features["B_val"][rows, ::2],
    }


def execution_rank(key: str) -> tuple[int, int]:
    """Stage of a state-dict key, and its place inside a CSP stage."""
    _, container, stage, part, *_ = key.split(".")
    return int(stage), CSP_ORDER.index(part) if container == "csp_stage" and stage != "0" else 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
