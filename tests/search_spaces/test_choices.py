"""Values without an order, and a choice of blocks, in a space file."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from maenas.blocks import CSP, Mob, ResK1KX, SpecError
from maenas.search_spaces import AnyOf, Space, load_space
from maenas.search_spaces.moves import Moves

# Depth varies in two of the three blocks, and CSP has no `expand_ratio`; widths differ.
CHOICES = """\
format: maenas/space@1
in_shape: [3, 64, 64]
features: [1, 2]
bottleneck_ratio: [0.2, 1.0]
stages:
  - block: conv_stem
    out_channels: [8, 16]
    act: [silu, relu]
  - stride: 2
    any_of:
      - {block: res_k1kx, out_channels: [16, 32], bottleneck_channels: [4, 8], depth: [1, 2]}
      - block: mob
        out_channels: [16, 24]
        expand_ratio: [2, 2.5]
        kernel_size: [3, 5]
        depth: 2
      - {block: csp, out_channels: 32, bottleneck_channels: 16, rep: [true, false]}
  - {block: res_kxkx, out_channels: 32, bottleneck_channels: 16, stride: 2, spp: [false, true]}
"""


def load(folder: Path, text: str) -> Space:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return load_space(str(path))


@pytest.fixture
def space(tmp_path: Path) -> Space:
    return load(tmp_path, CHOICES)


def test_words_and_blocks_are_genes_in_the_order_written(space: Space) -> None:
    assert [(str(gene), gene.values, gene.is_category) for gene in space.genes] == [
        ("stages[0].out_channels", (8, 16), False),
        ("stages[0].act", ("silu", "relu"), True),
        ("stages[1].block", ("res_k1kx", "mob", "csp"), True),
        ("stages[1].out_channels", (16, 24, 32), False),
        ("stages[1].bottleneck_channels", (4, 8, 16), False),
        ("stages[1].depth", (1, 2), False),
        ("stages[1].expand_ratio", (2, 2.5), False),
        ("stages[1].kernel_size", (3, 5), False),
        ("stages[1].rep", (True, False), True),
        ("stages[2].spp", (False, True), True),
    ]
    assert space.depth_caps == (1, 2, 1)


def test_each_block_has_one_genome(space: Space) -> None:
    """2 widths of k1kx x 2 bottlenecks x 2 depths, less 4 under 32; mob 8; CSP 2."""
    assert space.size == 4 * (8 + 8 + 2) * 2
    codes = list(space.legal_codes(1))
    assert len(codes) == 6 + 8 + 2
    assert all(one < other for one, other in pairwise(codes))
    genomes = [(0, 0, *code, 0) for code in codes]
    blocks = {space.decode(genome).stages[1] for genome in genomes}
    assert len(blocks) == len(codes)
    for genome in genomes:
        assert space.encode(space.decode(genome)) == genome


def test_a_block_is_built_with_its_own_fields_alone(space: Space) -> None:
    stage = space.stages[1]
    assert isinstance(stage, AnyOf)
    built = [space.decode((0, 0, *code, 0)).stages[1] for code in stage.legal_codes()]
    assert built[0] == ResK1KX(out_channels=16, bottleneck_channels=4, stride=2)
    assert built[6] == Mob(out_channels=16, expand_ratio=2, kernel_size=3, stride=2, depth=2)
    assert built[-2] == CSP(out_channels=32, bottleneck_channels=16, stride=2, rep=True)


def test_values_that_the_chosen_block_cannot_have_are_refused(space: Space) -> None:
    """The third width is only that of the other blocks."""
    with pytest.raises(SpecError, match="mob: out_channels cannot be 32"):
        space.decode((0, 0, 1, 2, 0, 1, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kernel_size": 7}, r"stages\[1\]\.kernel_size = 7 is not among its 2 values from 3 to 5"),
        ({"depth": 1}, r"stages\[1\]\.depth is 2, got 1"),
        ({"act": "relu"}, r"stages\[1\]\.act is silu, got relu"),
    ],
    ids=str,
)
def test_a_block_outside_the_space_has_no_genome(
    space: Space, fields: dict[str, object], message: str
) -> None:
    backbone = space.decode((0, 0, 1, 0, 0, 1, 0, 0, 0, 0))
    stage = replace(backbone.stages[1], **fields)  # type: ignore[type-var]
    with pytest.raises(SpecError, match=message):
        space.encode(replace(backbone, stages=(backbone.stages[0], stage, backbone.stages[2])))


def test_another_kind_of_block_or_word_is_refused_by_name(space: Space) -> None:
    backbone = space.decode(space.origin)
    stem, first, last = backbone.stages
    with pytest.raises(SpecError, match=r"is one of res_k1kx, mob, csp, got res_kxkx"):
        space.encode(replace(backbone, stages=(stem, last, last)))
    none = replace(stem, act="none")  # type: ignore[type-var]
    with pytest.raises(SpecError, match=r"act = none is not among its 2 values silu, relu"):
        space.encode(replace(backbone, stages=(none, first, last)))


REFUSED = {
    "repeated word": ("[silu, relu]", "[silu, silu]", r"stages\[0\]\.act: values must not repeat"),
    "unknown word": ("[silu, relu]", "[silu, gelu]", r"stages\[0\]\.act: .*got 'gelu' \(text\)"),
    "no word": ("[silu, relu]", "[]", r"stages\[0\]\.act: must be a list of numbers.*got \[\]"),
    "nothing": ("[silu, relu]", "[silu, null]", r"stages\[0\]\.act: must be a list of numbers"),
    "mixed": ("[silu, relu]", "[silu, 1]", r"stages\[0\]\.act: must be a list of numbers"),
    "word for a number": ("[3, 5]", "['3', '5']", r"any_of\[1\]\.kernel_size: .*got '3' \(text\)"),
    "flag for a number": ("[2, 2.5]", "[true, false]", r"any_of\[1\]\.expand_ratio: .*got True"),
    "number for a flag": ("[true, false]", "[0, 1]", r"any_of\[2\]\.rep: .*got 0"),
    "word for a flag": ("[true, false]", "['yes', 'no']", r"any_of\[2\]\.rep: .*got 'yes'"),
    "block as list": (
        "block: conv_stem",
        "block: [conv_stem, focus_stem]",
        r"stages\[0\]\.block: no such block \['conv_stem', 'focus_stem'\]; .*any_of",
    ),
    "block beside the list": (
        "  - stride: 2\n    any_of",
        "  - stride: 2\n    block: mob\n    any_of",
        r"stages\[1\]\.block: must be in each item of any_of",
    ),
    "field in two places": (
        "  - stride: 2\n",
        "  - stride: 2\n    depth: 1\n",
        r"stages\[1\]\.any_of\[0\]\.depth: is also given for all blocks",
    ),
    "shared field of some": (
        "  - stride: 2\n",
        "  - stride: 2\n    wrapper_act: relu\n",
        r"stages\[1\]\.any_of\[0\]\.wrapper_act: no such field",
    ),
    "same block twice": (
        "block: csp, out_channels: 32, bottleneck_channels: 16, rep: [true, false]",
        "block: res_k1kx, out_channels: 32, bottleneck_channels: 16",
        r"any_of\[2\]: res_k1kx is given twice; give one res_k1kx several values",
    ),
    "other stride": (
        "  - stride: 2\n",
        "  -\n",
        r"any_of\[2\]: stride must be 1, as in res_k1kx, got 2",
    ),
    "a block without width": (
        "{block: csp, out_channels: 32, bottleneck_channels: 16, rep: [true, false]}",
        "{block: spp}",
        r"any_of\[2\]\.stride: no such field",
    ),
    "an item that is no mapping": (
        "      - {block: csp, out_channels: 32, bottleneck_channels: 16, rep: [true, false]}",
        "      - csp",
        r"any_of\[2\]: must be a mapping of keys, got 'csp'",
    ),
    "nested": ("block: csp,", "block: csp, any_of: [],", r"any_of\[2\]\.any_of: no such field"),
    "one block without a legal value": (
        "out_channels: 32, bottleneck_channels: 16, rep",
        "out_channels: 32, bottleneck_channels: 2, rep",
        r"stages\[1\]\.any_of\[2\]: no combination of its values is legal",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_choices_that_cannot_be_right_are_one_line_that_says_where(
    tmp_path: Path, what: str
) -> None:
    old, new, message = REFUSED[what]
    assert CHOICES.count(old) == 1
    with pytest.raises(SpecError, match=message) as error:
        load(tmp_path, CHOICES.replace(old, new))
    assert str(error.value).startswith(str(tmp_path / "mine.yaml"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("listed", ["[]", "[{block: mob}]", "mob", "{block: mob}"])
def test_a_choice_of_blocks_has_at_least_two(tmp_path: Path, listed: str) -> None:
    start = CHOICES[: CHOICES.index("  - stride: 2")]
    with pytest.raises(SpecError, match=r"stages\[1\]\.any_of: must be a list of at least two"):
        load(tmp_path, f"{start}  - {{any_of: {listed}}}\n")


# Moves.


def test_a_word_becomes_any_other(tmp_path: Path) -> None:
    """From the first of four to the last as often as to its neighbour."""
    text = CHOICES.replace("[silu, relu]", "[silu, relu, none, sigmoid]")
    space = load(tmp_path, text)
    moves, rng = Moves(space), np.random.default_rng(0)
    parents = np.repeat(np.array([space.origin], dtype=np.int16), 20_000, axis=0)
    acts = moves.mutate(rng, parents, parents)[:, 1]
    counts = np.bincount(acts, minlength=4)
    assert counts[1:].min() > 0.8 * counts[1:].max()


def test_draws_and_mutations_are_legal_and_reach_every_network(space: Space) -> None:
    moves, rng = Moves(space), np.random.default_rng(0)
    every = {code: set(space.legal_codes(code)) for code in range(3)}
    bounds = [(0, 2), (2, 9), (9, 10)]
    for genomes in (moves.sample(rng, 3000), moves.sample(rng, 3000, all_sizes=True)):
        for stage, (first, last) in enumerate(bounds):
            assert {tuple(row) for row in genomes[:, first:last].tolist()} == every[stage]
    reached: set[tuple[int, ...]] = set()
    genomes = np.repeat(np.array([space.origin], dtype=np.int16), 1000, axis=0)
    for _ in range(20):
        children = moves.mutate(rng, genomes, genomes)
        reached |= {tuple(row) for row in children[:, 2:9].tolist()}
        genomes = children[rng.integers(len(children), size=1000)]
    assert reached == every[1]


def test_a_space_of_words_alone_is_searched(tmp_path: Path) -> None:
    text = (
        "format: maenas/space@1\nin_shape: [3, 32, 32]\nfeatures: [0]\nstages:\n"
        "  - {block: conv_stem, out_channels: 8, act: [relu, silu, none]}\n"
    )
    space = load(tmp_path, text)
    moves, rng = Moves(space), np.random.default_rng(0)
    children = moves.mutate(rng, moves.sample(rng, 200), moves.sample(rng, 200))
    assert set(children[:, 0].tolist()) == {0, 1, 2}
