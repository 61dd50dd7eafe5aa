"""Space files are read strictly, and a genome is a backbone and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from maenas.blocks import Backbone, ConvStem, ResK1KX, SpecError, load_backbone, zoo_names
from maenas.search_spaces import Space, load_space, space_names

# Every kind of value: a list, a range, a range with a step, fixed, left at its default.
MINE = """\
format: maenas/space@1
about: a space of one's own
in_shape: [3, 64, 96]
features: [1, 2]
widths_never_shrink: true
bottleneck_ratio: [0.2, 1.0]
stages:
  - block: conv_stem
    out_channels: [8, 16]
    act: silu
  - block: res_k1kx
    out_channels: {min: 16, max: 32, step: 8}
    bottleneck_channels: [8, 16]
    stride: 2
    depth: {min: 1, max: 3}
  - block: mob
    out_channels: 32
    expand_ratio: {min: 1.1, max: 1.5, step: 0.1}
    kernel_size: [3, 5]
    stride: 2
    depth: 2
    spp: true
"""
every_space = pytest.mark.parametrize("name", space_names())


def load(folder: Path, text: str) -> Space:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return load_space(str(path))


@pytest.fixture
def mine(tmp_path: Path) -> Space:
    return load(tmp_path, MINE)


# Reading.


def test_the_bundled_spaces_are_those_promised() -> None:
    assert space_names() == ["cpu", "csp", "mob", "mobv3", "res", "resnet"]


@every_space
def test_every_bundled_space_says_what_it_is(name: str) -> None:
    text = (Path(__file__).parents[2] / "search_spaces" / f"{name}.yaml").read_text("utf-8")
    assert text.startswith("# ")
    assert "\nabout: " in text
    assert load_space(name).name == name


def test_a_file_of_ones_own_is_read_as_written(mine: Space) -> None:
    assert mine.name == "mine"
    assert (mine.in_shape, mine.features) == ((3, 64, 96), (1, 2))
    assert [(str(gene), gene.values) for gene in mine.genes] == [
        ("stages[0].out_channels", (8, 16)),
        ("stages[1].out_channels", (16, 24, 32)),
        ("stages[1].bottleneck_channels", (8, 16)),
        ("stages[1].depth", (1, 2, 3)),
        ("stages[2].expand_ratio", (1.1, 1.2, 1.3, 1.4, 1.5)),  # as one writes them
        ("stages[2].kernel_size", (3, 5)),
    ]
    assert mine.size == 2 * 3 * 2 * 3 * 5 * 2
    assert mine.depth_caps == (1, 3, 2)


def test_a_range_ends_with_the_last_step_inside_it(tmp_path: Path) -> None:
    space = load(tmp_path, MINE.replace("max: 32, step: 8", "max: 31, step: 6"))
    assert space.genes[1].values == (16, 22, 28)


def test_one_value_in_a_list_or_range_is_fixed(tmp_path: Path) -> None:
    text = MINE.replace("[8, 16]\n    act", "[8]\n    act").replace(
        "min: 1, max: 3", "min: 2, max: 2"
    )
    space = load(tmp_path, text)
    assert [str(gene) for gene in space.genes][:2] == [
        "stages[1].out_channels",
        "stages[1].bottleneck_channels",
    ]
    assert space.depth_caps == (1, 2, 2)


def test_a_field_left_out_has_its_default(mine: Space) -> None:
    backbone = mine.decode([0] * 6)
    assert backbone.stages[0] == ConvStem(out_channels=8, act="silu")  # kernel 3, stride 2
    assert backbone.stages[1] == ResK1KX(
        out_channels=16, bottleneck_channels=8, kernel_size=3, stride=2, depth=1, act="relu"
    )


REFUSED = {
    # what is replaced, by what, what the message says
    "unknown block": (
        "block: mob",
        "block: mobb",
        r"stages\[2\]\.block: no such block 'mobb'; did you mean mob\?",
    ),
    "block as list": ("block: mob", "block: [mob]", r"stages\[2\]\.block: no such block"),
    "block as mapping": ("block: mob", "block: {mob: 1}", r"stages\[2\]\.block: no such block"),
    "no block": (
        "  - block: mob\n    out_ch",
        "  - out_ch",
        r"stages\[2\]\.block: no such block None",
    ),
    "unknown field": (
        "depth: 2",
        "dept: 2",
        r"stages\[2\]\.dept: no such field; did you mean depth\?",
    ),
    "field of another block": ("depth: 2", "inner: kxkx", r"stages\[2\]\.inner: no such field"),
    "unknown key": (
        "features:",
        "feature:",
        r"yaml: feature: no such field; did you mean features\?",
    ),
    "missing field": (
        "    bottleneck_channels: [8, 16]\n",
        "",
        r"stages\[1\]\.bottleneck_channels: is missing",
    ),
    "missing features": ("features: [1, 2]\n", "", r"yaml: features: is missing"),
    "missing stages": (MINE[MINE.index("stages:") :], "", r"yaml: stages: is missing"),
    "no stages": (MINE[MINE.index("stages:") :], "stages: []\n", "stages: at least one is needed"),
    "stages as number": (
        MINE[MINE.index("stages:") :],
        "stages: 3\n",
        r"stages: .* got 3 \(a whole number\)",
    ),
    "stage as number": (
        "  - block: conv_stem",
        "  - 7\n  - block: conv_stem",
        r"stages\[0\]: .* got 7",
    ),
    # values
    "width as text": (
        "out_channels: 32",
        "out_channels: wide",
        r"stages\[2\]\.out_channels: .*got 'wide' \(text\)",
    ),
    "width with a fraction": (
        "out_channels: 32",
        "out_channels: 32.5",
        r"out_channels: .*got 32\.5 \(a number\)",
    ),
    "one width with a fraction": (
        "[8, 16]\n    act",
        "[8, 16.5]\n    act",
        r"stages\[0\]\.out_channels: .*got 16\.5",
    ),
    "steps with a fraction": (
        "{min: 1, max: 3}",
        "{min: 1, max: 3, step: 0.5}",
        r"stages\[1\]\.depth: .*got 1\.0",
    ),
    "width of nothing": (
        "out_channels: 32",
        "out_channels:",
        r"out_channels: .*got None \(nothing\)",
    ),
    "negative width": (
        "out_channels: 32",
        "out_channels: -32",
        "mob: out_channels must be at least 1, got -32",
    ),
    "even kernel": (
        "[3, 5]",
        "[3, 4]",
        r"stages\[2\]: mob: kernel_size must be odd and at least 1, got 4",
    ),
    "odd width with SPP": (
        "out_channels: 32",
        "out_channels: [32, 33]",
        "must be even for an SPP, got 33",
    ),
    "unknown act": ("act: silu", "act: gelu", r"stages\[0\]\.act: .*'relu'.*got 'gelu'"),
    "flag as number": ("spp: true", "spp: 1", r"stages\[2\]\.spp: .*boolean, got 1"),
    "list of nothing": (
        "[3, 5]",
        "[]",
        r"stages\[2\]\.kernel_size: must be a list of numbers.*got \[\]",
    ),
    "stride 3": (
        "stride: 2\n    depth: 2",
        "stride: 3\n    depth: 2",
        r"stages\[2\]: mob: stride must be one of 1, 2, got 3",
    ),
    "stride that varies": (
        "stride: 2\n    depth: 2",
        "stride: [1, 2]\n    depth: 2",
        r"stages\[2\]\.stride: cannot vary",
    ),
    # lists and ranges
    "not ascending": (
        "[3, 5]",
        "[5, 3]",
        r"kernel_size: values must ascend without repeats, got \[5, 3\]",
    ),
    "repeated": ("[3, 5]", "[3, 3, 5]", "values must ascend without repeats"),
    "upside down": (
        "{min: 1, max: 3}",
        "{min: 3, max: 1}",
        r"stages\[1\]\.depth: min must not exceed max .*got min 3, max 1",
    ),
    "no step": (
        "max: 32, step: 8",
        "max: 32, step: 0",
        "step must be positive, got min 16, max 32, step 0",
    ),
    "negative step": ("max: 32, step: 8", "max: 32, step: -8", "step must be positive"),
    "infinite range": (
        "{min: 1, max: 3}",
        "{min: 1, max: .inf}",
        "min must not exceed max .*max inf",
    ),
    "range of nan": (
        "{min: 1, max: 3}",
        "{min: .nan, max: 3}",
        "min must not exceed max .*min nan",
    ),
    "step of nan": (
        "max: 1.5, step: 0.1",
        "max: 1.5, step: .nan",
        "step must be positive, .*step nan",
    ),
    "endless range": (
        "{min: 1, max: 3}",
        "{min: 1, max: 2000000000}",
        r"stages\[1\]\.depth: more than 10,000 values",
    ),
    "too many combinations": (
        "{min: 1, max: 3}",
        "{min: 1, max: 9000}\n    kernel_size: {min: 1, max: 99, step: 2}",
        r"stages\[1\]: 2,700,000 combinations",
    ),
    "unknown key of a range": (
        "max: 32, step: 8",
        "max: 32, steps: 8",
        r"out_channels\.steps: no such field; did you mean step\?",
    ),
    "range without end": ("{min: 1, max: 3}", "{min: 1}", r"stages\[1\]\.depth\.max: is missing"),
    "range of words": (
        "{min: 1, max: 3}",
        "{min: one, max: 3}",
        r"stages\[1\]\.depth\.min.* got 'one'",
    ),
    # what does not fit together
    "ratio no bottleneck has": (
        "[0.2, 1.0]",
        "[4.0, 9.0]",
        r"stages\[1\]: no combination of its values is legal",
    ),
    "ratio upside down": (
        "[0.2, 1.0]",
        "[1.0, 0.2]",
        r"stages\[1\]: no combination of its values is legal",
    ),
    "half a ratio": ("[0.2, 1.0]", "[0.2]", r"bottleneck_ratio\[1\]: is missing"),
    "widths that must shrink": (
        "out_channels: 32",
        "out_channels: [8, 12]",
        r"stages\[2\]\.out_channels: must reach 16, .* got at most 12",
    ),
    "no such stage": (
        "features: [1, 2]",
        "features: [1, 3]",
        r"features: must be ascending indices of the 3 stages",
    ),
    "no feature": ("features: [1, 2]", "features: []", "features: must be ascending indices"),
    "features descend": (
        "features: [1, 2]",
        "features: [2, 1]",
        "features: must be ascending indices",
    ),
    "image too small": ("[3, 64, 96]", "[3, 4, 96]", r"in_shape: \[3, 4, 96\] is too small"),
    "half a shape": ("[3, 64, 96]", "[3, 64]", r"in_shape\[2\]: is missing"),
    "shape of text": ("[3, 64, 96]", "64", r"in_shape: .*got 64"),
    "flag as text": (
        "widths_never_shrink: true",
        "widths_never_shrink: maybe",
        r"widths_never_shrink: .*got 'maybe'",
    ),
    # the file
    "newer": (
        "maenas/space@1",
        "maenas/space@2",
        r"written by a newer maenas \(maenas/space@2; this one reads up to @1\)",
    ),
    "another format": (
        "maenas/space@1",
        "maenas/backbone@1",
        "is a maenas/backbone@1, expected maenas/space@1",
    ),
    "no format": ("format: maenas/space@1\n", "", "lacks the line `format: maenas/space@1`"),
    "key twice": ("about:", "features: [1]\nabout:", "key 'features' is given twice"),
    "not YAML": ("features: [1, 2]", "features: [1, 2", "not valid YAML"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_cannot_be_right_is_one_line_that_says_where(tmp_path: Path, what: str) -> None:
    old, new, message = REFUSED[what]
    assert MINE.count(old) == 1
    with pytest.raises(SpecError, match=message) as error:
        load(tmp_path, MINE.replace(old, new))
    assert str(error.value).startswith(str(tmp_path / "mine.yaml"))
    assert "\n" not in str(error.value)


def test_a_space_in_which_nothing_varies_is_refused(tmp_path: Path) -> None:
    text = "format: maenas/space@1\nin_shape: [3, 64, 64]\nfeatures: [0]\nstages:\n"
    with pytest.raises(SpecError, match="nothing varies"):
        load(tmp_path, text + "  - {block: conv_stem, out_channels: 8}\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "rse",
            "space: no bundled space 'rse'; did you mean res?.*a file of your own ends in .yaml",
        ),
        ("elephant", "no bundled space 'elephant'; known: cpu, csp, mob, mobv3, res, resnet"),
        ("elephant.yaml", "elephant.yaml: no such file"),
        ("res.yml", "res.yml: no such file"),
        ("res.YAML", "res.YAML: no such file"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        load_space(name)


# Genomes.


def random_genome(space: Space, rng: Random) -> list[int]:
    """Indices drawn stage by stage among the legal ones; widths may shrink."""
    return [
        index
        for stage in range(len(space.stages))
        for index in rng.choice(list(space.legal_codes(stage)))
    ]


@every_space
def test_a_genome_comes_back_from_its_backbone(name: str) -> None:
    space, rng = load_space(name), Random(0)
    for _ in range(10):
        genome = random_genome(space, rng)
        backbone = space.decode(genome)
        assert list(space.encode(backbone)) == genome
        assert (backbone.features, backbone.in_shape) == (space.features, space.in_shape)
        for gene, index in zip(space.genes, genome, strict=True):
            block = backbone.stages[gene.stage]
            field = "kind" if gene.field == "block" else gene.field
            assert getattr(block, field, gene.values[0]) == gene.values[index]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        *((f"damo-yolo-{scale}", "res") for scale in ("t", "s")),
        *((f"damo-yolo-{scale}", "csp") for scale in ("m", "l")),
        *((f"damo-yolo-{scale}", "mob") for scale in ("ns", "nm", "nl")),
    ],
)
def test_every_published_backbone_lies_in_its_space(model: str, name: str) -> None:
    space, backbone = load_space(name), load_backbone(f"zoo:{model}")
    genome = space.encode(backbone)
    assert space.decode(genome) == backbone
    for stage in range(len(space.stages)):
        code = tuple(i for gene, i in zip(space.genes, genome, strict=True) if gene.stage == stage)
        assert code in set(space.legal_codes(stage))
    widths = [stage.out_channels for stage in backbone.stages]  # type: ignore[attr-defined]
    assert widths == sorted(widths)


def test_no_published_detector_backbone_was_left_out() -> None:
    scales = {name for name in zoo_names() if name.startswith("damo-yolo-")}
    assert scales == {f"damo-yolo-{scale}" for scale in ("t", "s", "m", "l", "ns", "nm", "nl")}


def changed(backbone: Backbone, stage: int, **fields: object) -> Backbone:
    stages = list(backbone.stages)
    stages[stage] = replace(stages[stage], **fields)  # type: ignore[type-var]
    return replace(backbone, stages=tuple(stages))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda b: changed(b, 1, bottleneck_channels=12),
            r"stages\[1\]\.bottleneck_channels = 12 is not among its 2 values from 8 to 16",
        ),
        (lambda b: changed(b, 2, stride=1), r"stages\[2\]\.stride is 2, got 1"),
        (lambda b: changed(b, 2, spp=False), r"stages\[2\]\.spp is True, got False"),
        (lambda b: changed(b, 1, act="silu"), r"stages\[1\]\.act is relu, got silu"),
        (lambda b: changed(b, 1, strided_shortcut=True), r"stages\[1\]\.strided_shortcut is False"),
        (lambda b: replace(b, stages=b.stages[:2], features=(1,)), "has 3 stages, got 2"),
        (
            lambda b: replace(b, stages=(b.stages[0], b.stages[2], b.stages[2])),
            r"stages\[1\] is a res_k1kx, got mob",
        ),
        (lambda b: replace(b, features=(2,)), r"features is \[1, 2\], got \[2\]"),
        (lambda b: replace(b, in_shape=(3, 64, 64)), r"in_shape is \[3, 64, 96\], got"),
    ],
    ids=range(9),
)
def test_a_backbone_outside_the_space_has_no_genome(mine: Space, edit, message: str) -> None:
    backbone = mine.decode([1, 2, 0, 1, 3, 0])
    assert mine.encode(backbone) == (1, 2, 0, 1, 3, 0)
    with pytest.raises(SpecError, match=f"space mine: {message}"):
        mine.encode(edit(backbone))


def test_a_bottleneck_out_of_proportion_is_not_legal(mine: Space) -> None:
    """The least share of 0.3 leaves out 8 under 32; widths, bottlenecks and depths otherwise."""
    stage = replace(mine.stages[1], bottleneck_ratio=(0.3, 0.6))
    space = replace(mine, stages=(mine.stages[0], stage, mine.stages[2]))
    legal = {
        (space.genes[1].values[out], space.genes[2].values[bottleneck])
        for out, bottleneck, _ in space.legal_codes(1)
    }
    assert legal == {(16, 8), (24, 8), (32, 16)}  # 0.5, 0.33, 0.5; the others 1, 0.67, 0.25


@every_space
def test_every_value_of_every_gene_is_in_some_legal_combination(name: str) -> None:
    space = load_space(name)
    for index, stage in enumerate(space.stages):
        codes = list(space.legal_codes(index))
        for position, values in enumerate(stage.choices.values()):
            assert {code[position] for code in codes} == set(range(len(values)))
