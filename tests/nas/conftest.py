"""A space small enough to list every network of it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from maenas.blocks import Op, Shape
from maenas.budgets import LatencyModel, load_device, parse_budgets
from maenas.detector.model.rep_gfpn import RepGFPN
from maenas.nas import Evaluator, MaxEntropy, Problem, cheapest_networks
from maenas.nas.certificate.options import Options
from maenas.search_spaces import Space, load_space
from maenas.search_spaces.moves import Genomes

# Its first two stages share a level and the second projects its shortcut where widths differ, so
# the narrowest stem is not always cheapest; the third may have either kernel; the last an SPP.
TINY = """\
format: maenas/space@1
in_shape: [3, 64, 64]
features: [1, 2, 3]
bottleneck_ratio: [0.3, 1.0]
stages:
  - block: focus_stem
    out_channels: [16, 24]
  - block: res_k1kx
    out_channels: [24, 32]
    bottleneck_channels: [8, 16, 24]
    depth: {min: 1, max: 3}
  - block: res_k1kx
    out_channels: [24, 32, 48]
    bottleneck_channels: [8, 16, 24]
    kernel_size: [3, 5]
    stride: 2
    depth: [1, 2]
  - block: res_kxkx
    out_channels: [32, 48]
    bottleneck_channels: [16, 24]
    stride: 2
    depth: [1, 2, 4]
    spp: true
"""


# A choice of blocks in two stages. The depth of one block is fixed, that of the others varies or
# does not exist.
CHOICES = """\
format: maenas/space@1
in_shape: [3, 64, 64]
features: [1, 2, 3]
bottleneck_ratio: [0.3, 1.0]
stages:
  - {block: conv_stem, out_channels: [8, 16], act: [silu, relu]}
  - stride: 2
    any_of:
      - {block: res_k1kx, out_channels: [16, 32], bottleneck_channels: [8, 16], depth: [1, 2]}
      - block: mob
        out_channels: [24, 32]
        expand_ratio: [2.0, 3.0]
        kernel_size: [3, 5]
        depth: 2
      - {block: conv_stem, out_channels: 32, kernel_size: [1, 5]}
  - {block: res_kxkx, out_channels: 32, bottleneck_channels: 16, stride: 2, spp: [false, true]}
  - stride: 2
    act: [relu, silu]
    any_of:
      - {block: mob, out_channels: 48, expand_ratio: 2.0, depth: [1, 2, 3]}
      - {block: csp, out_channels: [32, 64], bottleneck_channels: [16, 32]}
"""


@pytest.fixture(scope="session")
def tiny_text() -> str:
    return TINY


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, tiny_text: str) -> Space:
    """The tiny space, from a file as a user would write it."""
    path: Path = tmp_path_factory.mktemp("spaces") / "tiny.yaml"
    path.write_text(tiny_text, encoding="utf-8")
    return load_space(str(path))


@pytest.fixture(scope="session")
def everything(tiny: Space) -> Genomes:
    """(n, genes): every legal genome of the tiny space, found one by one."""
    of_stages = [list(tiny.legal_codes(index)) for index in range(len(tiny.stages))]
    found = []
    for codes in product(*of_stages):
        genome = tuple(index for code in codes for index in code)
        widths = [
            gene.values[index]
            for gene, index in zip(tiny.genes, genome, strict=True)
            if gene.field == "out_channels"
        ]
        if widths == sorted(widths):
            found.append(genome)
    return np.array(found, dtype=np.int16)


@pytest.fixture(scope="session")
def choices(tmp_path_factory: pytest.TempPathFactory) -> Space:
    """A space with words, truth values and choices of blocks."""
    path: Path = tmp_path_factory.mktemp("spaces") / "choices.yaml"
    path.write_text(CHOICES, encoding="utf-8")
    return load_space(str(path))


@pytest.fixture(scope="session")
def every_choice(choices: Space) -> Genomes:
    """(n, genes): every legal genome of the space of choices, found one by one."""
    codes = [list(choices.legal_codes(index)) for index in range(len(choices.stages))]
    genomes = [tuple(i for code in chosen for i in code) for chosen in product(*codes)]
    kept = []
    for genome in genomes:
        stages = choices.decode(genome).stages
        widths = [stage.out_channels for stage in stages]  # type: ignore[attr-defined]
        if widths == sorted(widths):
            kept.append(genome)
    return np.array(kept, dtype=np.int16)


@pytest.fixture(scope="session")
def t4() -> LatencyModel:
    return load_device("t4")


@pytest.fixture(scope="session")
def neck():
    """Operators of a small neck for features (C3, C4, C5)."""
    fusion = RepGFPN(out_channels=(16, 24, 32), depth=1)

    def ops(features: tuple[Shape, ...]) -> tuple[Op, ...]:
        return tuple(fusion.ops(features))

    return ops


@pytest.fixture(scope="module")
def evaluator(tiny: Space, t4: LatencyModel, neck) -> Evaluator:
    """Of the tiny space under two budgets that bind."""
    return Evaluator(
        Problem(tiny, parse_budgets(["0.48ms", "15layers"]), t4, neck, MaxEntropy((1.0, 1.0, 4.0)))
    )


@pytest.fixture(scope="module")
def start(evaluator: Evaluator) -> Genomes:
    return cheapest_networks(Options(evaluator))
