"""Backbones as values, as YAML and as modules with timm's features interface."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from maenas.blocks import (
    BLOCKS,
    CSP,
    SPP,
    Backbone,
    Block,
    ConvStem,
    FocusStem,
    Mob,
    ResK1DWK1,
    ResK1DWSEK1,
    ResK1KX,
    ResK1KXK1,
    ResKXKX,
    SpecError,
    backbone_text,
    dump_backbone,
    load_backbone,
    zoo_names,
)
from maenas.blocks.backbone_file import BackboneSpec, Metadata, ScoreSpec, load_spec

STAGES: list[Block] = [
    ConvStem(out_channels=16, kernel_size=7, stride=1, act="none"),
    FocusStem(out_channels=24, act="silu"),
    SPP(),
    ResK1KX(out_channels=32, bottleneck_channels=8, stride=2, rep=True, strided_shortcut=True),
    ResKXKX(out_channels=32, bottleneck_channels=8, depth=3, spp=True),
    CSP(out_channels=64, bottleneck_channels=16, inner="k1kx", wrapper_act="silu", rep=False),
    ResK1KXK1(out_channels=64, bottleneck_channels=8, kernel_size=5),
    ResK1DWK1(out_channels=24, bottleneck_channels=72, act="silu"),
    ResK1DWSEK1(out_channels=24, bottleneck_channels=72, act="relu"),
    Mob(out_channels=40, expand_ratio=4.5, stride=2),
]

SMALL = Backbone(
    stages=(
        FocusStem(out_channels=16),
        ResK1KX(out_channels=24, bottleneck_channels=8, stride=2),
        CSP(out_channels=32, bottleneck_channels=8, depth=2, spp=True),
        Mob(out_channels=40, expand_ratio=2.5, stride=2),
    ),
    features=(1, 2, 3),
    in_shape=(3, 64, 96),
)
SMALL_TEXT = """\
# maenas search small.yaml

format: maenas/backbone@2
in_shape: [3, 64, 96]
stages:
  - {block: focus_stem, out_channels: 16}
  - {block: res_k1kx, out_channels: 24, bottleneck_channels: 8, stride: 2}
  - {block: csp, out_channels: 32, bottleneck_channels: 8, depth: 2, spp: true}
  - {block: mob, out_channels: 40, expand_ratio: 2.5, stride: 2}
features: [1, 2, 3]
""".replace("\n\n", "\n#\n")


# YAML


def test_text_holds_the_receipt_and_only_what_differs_from_the_defaults() -> None:
    assert backbone_text(SMALL, receipt=["maenas search small.yaml", ""]) == SMALL_TEXT


@pytest.mark.parametrize("name", zoo_names())
def test_zoo_survives_its_yaml(name: str, tmp_path: Path) -> None:
    backbone = load_backbone(f"zoo:{name}")
    assert_survives(backbone, tmp_path)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.kind)
def test_every_block_survives_its_yaml(stage: Block, tmp_path: Path) -> None:
    assert_survives(Backbone((ConvStem(out_channels=8), stage), (0, 1), (3, 32, 48)), tmp_path)


def test_every_kind_of_block_is_written_and_read() -> None:
    assert {stage.kind for stage in STAGES} == set(BLOCKS)


def assert_survives(backbone: Backbone, folder: Path) -> None:
    """Read back as the same value, and written again as the same bytes."""
    first, second = folder / "first.yaml", folder / "second.yaml"
    dump_backbone(backbone, first, receipt=["by hand"])
    assert load_backbone(first) == backbone
    dump_backbone(load_backbone(str(first)), second, receipt=["by hand"])
    assert first.read_bytes() == second.read_bytes()


def test_a_whole_number_stands_for_a_ratio(tmp_path: Path) -> None:
    text = SMALL_TEXT.replace("expand_ratio: 2.5", "expand_ratio: 3")
    stage = load_backbone(written(tmp_path, text)).stages[3]
    assert stage == Mob(out_channels=40, expand_ratio=3.0, stride=2)


def test_a_receipt_stays_a_comment_whatever_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    dump_backbone(SMALL, path, receipt=["maenas search 'of two\nlines' # x: y", "[", ""])
    assert load_backbone(path) == SMALL


def test_writing_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = written(tmp_path, "what was there before, longer than nothing\n" * 100)
    dump_backbone(SMALL, path)
    assert path.read_text() == backbone_text(SMALL)
    assert list(tmp_path.iterdir()) == [path]


KNOWN = Metadata(
    template="s",
    device="t4",
    num_classes=3,
    score=ScoreSpec(name="max-entropy", weights=(0.0, 1.0, 6.0)),
    provenance={"command": "maenas search 'a: b' # c", "score": 597.1053, "seed": 0},
)


def test_what_later_commands_need_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    dump_backbone(SMALL, path, ["for people"], KNOWN)
    assert load_spec(path) == BackboneSpec(SMALL, KNOWN)


def test_comments_are_for_people_alone(tmp_path: Path) -> None:
    plain = yaml.safe_load(backbone_text(SMALL, ["for people", ", template l, x"], KNOWN))
    path = written(tmp_path, yaml.safe_dump(plain))  # keys sorted, comments gone, lists in blocks
    assert load_spec(path) == BackboneSpec(SMALL, KNOWN)


def test_the_older_version_is_read_as_a_network_alone(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL_TEXT.replace("@2", "@1"))
    assert load_spec(path) == BackboneSpec(SMALL, Metadata(), "maenas/backbone@1")


# Strictness: each mistake is one line that names file, key and cause


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("features:", "feetures:", r"small\.yaml: feetures: no such field; did you mean features"),
        ("spp: true", "ssp: 1", r"yaml: stages\[2\]\.ssp: no such field; did you mean spp\?"),
        ("spp: true", "xyz: 1", r"stages\[2\]\.xyz: no such field; known: out_channels, .*spp"),
        ("out_channels: 40, ", "", r"small\.yaml: stages\[3\]\.out_channels: is missing"),
        ("features: [1, 2, 3]\n", "", r"small\.yaml: features: is missing"),
        ("stages:", "stagess:", r"small\.yaml: stagess: no such field; did you mean stages\?"),
        ("_channels: 8, s", "_channels: wide, s", r"stages\[1\]\.bottleneck_channels: .*'wide'"),
        ("depth: 2", "depth: 2.5", r"stages\[2\]\.depth: .*integer, got 2\.5 \(a number\)"),
        ("depth: 2", "depth: 2.0", r"stages\[2\]\.depth: .*integer, got 2\.0 \(a number\)"),
        ("depth: 2", "depth: true", r"stages\[2\]\.depth: .*integer, got True \(true or false\)"),
        ("depth: 2", "depth: null", r"stages\[2\]\.depth: .*integer, got None \(nothing\)"),
        ("spp: true", "spp: 1", r"stages\[2\]\.spp: .*boolean, got 1 \(a whole number\)"),
        ("2.5,", "wide,", r"stages\[3\]\.expand_ratio: .*number, got 'wide' \(text\)"),
        ("spp: true", "act: gelu", r"stages\[2\]\.act: .*'relu', 'silu'.*, got 'gelu'"),
        ("spp: true", "inner: k3", r"stages\[2\]\.inner: .*'k1kx' or 'kxkx', got 'k3'"),
        ("spp: true", "7: 8", r"small\.yaml: stages\[2\].*7.*: keys should be strings"),
        ("depth: 2", "depth: 2, depth: 3", r"yaml: not valid YAML: key 'depth' is given twice"),
        ("features: [", "stages: []\nfeatures: [", r"key 'stages' is given twice"),
        ("block: mob", "block: mobb", r"stages\[3\]\.block: no such block 'mobb'; did you mean m"),
        ("block: mob", "block: [mob]", r"stages\[3\]\.block: no such block \['mob'\]"),
        ("block: mob", "kind: mob", r"stages\[3\]: must be a mapping with the key `block`"),
        ("depth: 2", "stride: 2, kind: csp", r"stages\[2\]\.kind: no such field"),
        ("out_channels: 16", "out_channels: 16, stride: 2", r"stages\[0\]\.stride: no such field"),
        ("[1, 2, 3]", "[1, 2, 4]", r"yaml: features: must be ascending indices of the 4 stages"),
        ("[1, 2, 3]", "[-1]", r"features: must be ascending indices of the 4 stages, got \[-1\]"),
        ("[1, 2, 3]", "[2, 1]", r"features: must be ascending indices of the 4 stages, got \[2"),
        ("[1, 2, 3]", "[2, 2]", r"features: must be ascending indices of the 4 stages, got \[2"),
        ("[1, 2, 3]", "[]", r"features: must be ascending indices of the 4 stages, got \[\]"),
        ("[1, 2, 3]", "[true, 2]", r"features\[0\]: .*integer, got True \(true or false\)"),
        ("[1, 2, 3]", "1", r"small\.yaml: features: .*, got 1 \(a whole number\)"),
        ("[3, 64, 96]", "[64, 96]", r"small\.yaml: in_shape\[2\]: is missing"),
        ("[3, 64, 96]", "[3, 0, 96]", r"small\.yaml: in_shape: must be positive, got \[3, 0, 96\]"),
        ("[3, 64, 96]", "[3, 8, 96]", r"yaml: in_shape: \[3, 8, 96\] is too small.* by 16"),
        ("[3, 64, 96]", "[3, 64, 97]", r"yaml: stages\[0\]: focus_stem: .*even, got 64 x 97"),
        ("@2", "@3", r"small\.yaml: written by a newer maenas \(maenas/backbone@3.*upgrade"),
        ("@2", "@0", r"small\.yaml: unknown format 'maenas/backbone@0', expected maenas/backb"),
        ("@2", "@²", r"small\.yaml: unknown format 'maenas/backbone@²'"),
        ("@2", "@1\ntemplate: s", r"small\.yaml: template: no such field"),
        ("/backbone@2", "/space@1", r"yaml: is a maenas/space@1, expected maenas/backbone@2"),
        ("format: maenas/backbone@2\n", "", r"yaml: lacks the line `format: maenas/backbone@2`"),
        (
            "features: [",
            "templat: s\nfeatures: [",
            r"templat: no such field; did you mean template",
        ),
        ("features: [", "template: 3\nfeatures: [", r"small\.yaml: template: .*, got 3"),
        ("features: [", "num_classes: 0\nfeatures: [", r"num_classes must be at least 1, got 0"),
        ("features: [", "score: 3\nfeatures: [", r"small\.yaml: score: must be a mapping"),
        ("features: [", "score: {name: x}\nfeatures: [", r"score\.weights: is missing"),
        ("features: [", "provenance: [x]\nfeatures: [", r"small\.yaml: provenance: .*, got "),
        ("stages:", "stages: [", r"small\.yaml: not valid YAML"),
        ("features: [1, 2, 3]", "? [a, b]\n: c", r"small\.yaml: not valid YAML: .*unhashable"),
        ("[1, 2, 3]", "!!python/name:os.system", r"small\.yaml: not valid YAML: .*python"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_key(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert old in SMALL_TEXT
    with pytest.raises(SpecError, match=message) as raised:
        load_backbone(written(tmp_path, SMALL_TEXT.replace(old, new, 1)))
    assert "small.yaml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_stages_must_be_a_list(tmp_path: Path) -> None:
    text = "format: maenas/backbone@2\nin_shape: [3, 64, 96]\nstages: 3\nfeatures: [1]\n"
    with pytest.raises(SpecError, match=r"small\.yaml: stages: must be a list.*a whole number"):
        load_backbone(written(tmp_path, text))


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("{block: conv_stem, out_channels: 0}", "out_channels must be at least 1, got 0"),
        ("{block: conv_stem, out_channels: 8, stride: 3}", "stride must be one of 1, 2, got 3"),
        ("{block: conv_stem, out_channels: 8, kernel_size: 4}", "kernel_size must be odd"),
        ("{block: focus_stem, out_channels: -8}", "out_channels must be at least 1, got -8"),
        ("{block: focus_stem, out_channels: 8, kernel_size: 2}", "kernel_size must be odd"),
        ("{block: csp, out_channels: 9, bottleneck_channels: 8}", "must be even to be halved"),
        ("{block: csp, out_channels: 8, bottleneck_channels: 0}", "bottleneck_channels must be"),
        ("{block: csp, out_channels: 8, bottleneck_channels: 8, depth: 0}", "depth must be"),
        ("{block: mob, out_channels: 8, expand_ratio: 0.5}", "expand_ratio must be between 1 and"),
        ("{block: mob, out_channels: 8, expand_ratio: .inf}", "expand_ratio must be between 1 a"),
        ("{block: mob, out_channels: 8, expand_ratio: .nan}", "expand_ratio must be between 1 a"),
        ("{block: mob, out_channels: 7, expand_ratio: 2.0, spp: true}", "must be even for an SPP"),
        *(
            (f"{{block: {kind}, out_channels: 8, bottleneck_channels: 8, {field}}}", message)
            for kind in ("res_k1kx", "res_kxkx", "res_k1kxk1", "res_k1dwk1", "res_k1dwsek1")
            for field, message in (
                ("depth: 0", "depth must be at least 1, got 0"),
                ("stride: 4", "stride must be one of 1, 2, got 4"),
                ("kernel_size: 6", "kernel_size must be odd and at least 1, got 6"),
            )
        ),
        *(
            (f"{{block: {kind}, out_channels: 8, bottleneck_channels: 0}}", "bottleneck_channels")
            for kind in ("res_k1kx", "res_kxkx", "res_k1kxk1", "res_k1dwk1", "res_k1dwsek1")
        ),
    ],
)
def test_a_block_that_cannot_be_is_refused_with_its_stage(
    stage: str, message: str, tmp_path: Path
) -> None:
    text = SMALL_TEXT.replace("{block: focus_stem, out_channels: 16}", stage)
    kind = stage.removeprefix("{block: ").split(",")[0]
    with pytest.raises(SpecError, match=rf"small\.yaml: stages\[0\]: {kind}: .*{message}"):
        load_backbone(written(tmp_path, text))


def test_a_stage_is_refused_for_the_width_before_it(tmp_path: Path) -> None:
    text = SMALL_TEXT.replace("out_channels: 16}", "out_channels: 15}\n  - {block: spp}")
    with pytest.raises(SpecError, match=r"small\.yaml: stages\[1\]: spp: .*even.*got 15"):
        load_backbone(written(tmp_path, text))


@pytest.mark.parametrize("text", ["", "[1, 2]", "just words", "3"])
def test_a_file_that_is_no_mapping_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"small\.yaml: must be a mapping of keys, got "):
        load_backbone(written(tmp_path, text))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"none\.yaml: no such file"):
        load_backbone(tmp_path / "none.yaml")
    with pytest.raises(SpecError, match="is a folder, not a file"):
        load_backbone(tmp_path)
    (tmp_path / "small.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match=r"small\.yaml: is not text in UTF-8"):
        load_backbone(tmp_path / "small.yaml")


def test_an_unknown_zoo_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"zoo: no model named 'damo-yolo-x'; did you mean damo-yo"):
        load_backbone("zoo:damo-yolo-x")
    with pytest.raises(
        SpecError, match=r"zoo: no model named '\.\./secret'; known: csp-darknet-s, "
    ):
        load_backbone("zoo:../secret")


def test_a_folder_that_cannot_be_written_is_named_and_left_alone(tmp_path: Path) -> None:
    file = written(tmp_path, "a file, not a folder")
    with pytest.raises(SpecError, match=r"small\.yaml.best\.yaml: cannot be written: \S"):
        dump_backbone(SMALL, file / "best.yaml")
    with pytest.raises(SpecError, match=r"none.best\.yaml: cannot be written: \S"):
        dump_backbone(SMALL, tmp_path / "none" / "best.yaml")
    (tmp_path / "best.yaml").mkdir()
    with pytest.raises(SpecError, match=r"best\.yaml: cannot be written: \S"):
        dump_backbone(SMALL, tmp_path / "best.yaml")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["best.yaml", "small.yaml"]
    assert file.read_text() == "a file, not a folder"


def test_no_stages_are_no_backbone() -> None:
    with pytest.raises(SpecError, match="stages: at least one is needed"):
        Backbone((), (0,))


def written(folder: Path, text: str) -> Path:
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path


# What a backbone tells of itself


def test_shapes_strides_and_levels_follow_the_stages() -> None:
    # 64 x 96 halved by the stem, the K1KX, the CSP and the Mob
    assert SMALL.feature_shapes() == ((24, 16, 24), (32, 8, 12), (40, 4, 6))
    assert SMALL.reductions() == (4, 8, 16)
    assert SMALL.levels == (0, 1, 2, 3)
    assert SMALL.layers == 1 + 2 + (2 + 2 * 2) + 3  # stem, a K1KX, a CSP of two, a Mob


def test_a_level_begins_at_every_strided_stage_but_the_first() -> None:
    stem, flat = ConvStem(out_channels=8, stride=2), Mob(out_channels=8, expand_ratio=2.0)
    down = Mob(out_channels=8, expand_ratio=2.0, stride=2)
    assert Backbone((stem, flat, down, flat, down, down), (5,)).levels == (0, 0, 1, 1, 2, 3)


def test_ops_are_those_of_the_stages_in_a_row() -> None:
    assert SMALL.ops() == tuple(op for ops in SMALL.stage_ops() for op in ops)
    assert [ops[0].in_shape for ops in SMALL.stage_ops()][1:] == [
        ops[-1].out_shape for ops in SMALL.stage_ops()
    ][:-1]


# timm's interface


def test_features_are_the_outputs_of_the_named_modules() -> None:
    network = SMALL.build().eval()
    kept: dict[str, torch.Tensor] = {}
    for name in network.feature_info.module_name():
        network.get_submodule(name).register_forward_hook(
            lambda _, x, out, name=name: kept.__setitem__(name, out)
        )

    with torch.no_grad():
        features = network(torch.randn(2, 3, 64, 96))

    assert network.feature_info.module_name() == ["stages.1", "stages.2", "stages.3"]
    assert all(
        torch.equal(feature, kept[name])
        for feature, name in zip(features, network.feature_info.module_name(), strict=True)
    )


def test_feature_info_tells_the_channels_and_strides_of_the_features() -> None:
    network = SMALL.build().eval()

    with torch.no_grad():
        features = network(torch.randn(1, 3, 64, 96))

    info = network.feature_info
    assert [feature.shape[1] for feature in features] == info.channels() == [24, 32, 40]
    assert [64 // feature.shape[2] for feature in features] == info.reduction() == [4, 8, 16]
    assert [96 // feature.shape[3] for feature in features] == info.reduction()
    assert [tuple(feature.shape[1:]) for feature in features] == [*SMALL.feature_shapes()]
    assert info.out_indices == (1, 2, 3)
    assert (len(info), info[0]["num_chs"], info.channels(0)) == (4, 16, 16)  # every stage is told
    assert info.reduction([0, 3]) == [2, 16]
    assert info.module_name(2) == "stages.2"
    assert info.get_dicts()[0] == {
        "num_chs": 24,
        "reduction": 4,
        "module": "stages.1",
        "index": 1,
    }


@pytest.mark.parametrize(
    ("out_indices", "stages"),
    [((0,), [0]), ((-1,), [3]), ((-3, 0), [0, 1]), ((0, 1, 2, 3), [0, 1, 2, 3]), ((3, -1), [3])],
    ids=str,
)
def test_out_indices_choose_stages_and_count_from_either_end(
    out_indices: tuple[int, ...], stages: list[int]
) -> None:
    network = SMALL.build(out_indices=out_indices)
    assert network.feature_info.module_name() == [f"stages.{stage}" for stage in stages]
    widths = [16, 24, 32, 40]
    assert network.feature_info.channels() == [widths[stage] for stage in stages]
    assert [
        x.shape[1] for x in network(torch.randn(2, 3, 64, 96))
    ] == network.feature_info.channels()


@pytest.mark.parametrize("out_indices", [(4,), (-5,), (0, 9)], ids=str)
def test_an_out_index_that_is_no_stage_is_refused(out_indices: tuple[int, ...]) -> None:
    with pytest.raises(SpecError, match=r"out_indices: must be indices of the 4 stages, got \["):
        SMALL.build(out_indices=out_indices)


def test_without_features_only_the_last_map_comes_back_alone() -> None:
    network = SMALL.build(features_only=False).eval()
    x = torch.randn(1, 3, 64, 96)

    with torch.no_grad():
        last = network(x)

        assert last.shape == (1, 40, 4, 6)
        assert network.num_features == 40
        assert torch.equal(last, network.forward_features(x))
        assert torch.equal(last, network.forward_intermediates(x)[-1])


def test_a_network_takes_other_sizes_than_the_one_it_was_priced_at() -> None:
    network = SMALL.build().eval()
    with torch.no_grad():
        features = network(torch.randn(1, 3, 32, 160))
    assert [tuple(x.shape[2:]) for x in features] == [(8, 40), (4, 20), (2, 10)]
