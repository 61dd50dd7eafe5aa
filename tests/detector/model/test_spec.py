"""A detector is written as YAML and read back, strictly: every wrong key is named."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from maenas.blocks import Backbone, ConvStem, ResK1KX, SpecError, load_backbone
from maenas.detector import RepGFPN, ZeroHead, load_template, template_names
from maenas.detector.model.ablations import load_ablations
from maenas.detector.model.spec import (
    DetectorSpec,
    assemble,
    dump_detector,
    identity_text,
    load_detector,
)
from maenas.detector.train.state import digest_of_spec
from maenas.latency.networks import published_detector

SMALL = DetectorSpec(
    Backbone(
        (
            ConvStem(out_channels=8),
            *(ResK1KX(out_channels=w, bottleneck_channels=8, stride=2) for w in (8, 16, 24, 32)),
        ),
        (2, 3, 4),
        (3, 64, 96),
    ),
    RepGFPN(out_channels=(8, 16, 24), depth=1),
    ZeroHead(num_classes=2),
    ("cat", "dog"),
)
THIN = ResK1KX(out_channels=1, bottleneck_channels=8, stride=2)
SPECS = {
    "small": SMALL,
    "without names": replace(SMALL, names=()),
    "stretched": replace(SMALL, resize="stretch"),
    "hard names": replace(SMALL, names=("yes", "a: b, [c] #d 'é' \"ü\"")),
    "numbers for names": replace(SMALL, names=("1", "null")),
    "every field": replace(
        SMALL,
        neck=RepGFPN(
            out_channels=(8, 16, 24),
            depth=2,
            hidden_ratio=0.5,
            hidden_channels=(4, 5, 6),
            act="silu",
            fusion="csp",
            extra_downsampling=False,
            extra_upsampling=True,
            depthwise=True,
        ),
        head=ZeroHead(
            num_classes=2,
            reg_max=7,
            kernel_size=1,
            stacked_convs=2,
            tower_channels=12,
            act="silu",
        ),
    ),
    **{
        scale: assemble(load_backbone(f"zoo:damo-yolo-{scale}"), load_template(scale))
        for scale in template_names()
    },
    **{f"{row.figures.table}: {row.figures.network}": row.spec for row in load_ablations()},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "detector.yaml"


@pytest.mark.parametrize("name", SPECS)
def test_what_is_written_is_read_back(path: Path, name: str) -> None:
    dump_detector(SPECS[name], path, ("maenas build-detector x.yaml", "second line\n\nthird"))
    assert load_detector(path) == SPECS[name]


def test_a_file_holds_only_what_differs_from_the_defaults(path: Path) -> None:
    dump_detector(SMALL, path, ("made by hand",))
    assert path.read_text() == (
        "# made by hand\n"
        "format: maenas/detector@1\n"
        "backbone:\n"
        "  in_shape: [3, 64, 96]\n"
        "  stages:\n"
        "    - {block: conv_stem, out_channels: 8}\n"
        "    - {block: res_k1kx, out_channels: 8, bottleneck_channels: 8, stride: 2}\n"
        "    - {block: res_k1kx, out_channels: 16, bottleneck_channels: 8, stride: 2}\n"
        "    - {block: res_k1kx, out_channels: 24, bottleneck_channels: 8, stride: 2}\n"
        "    - {block: res_k1kx, out_channels: 32, bottleneck_channels: 8, stride: 2}\n"
        "  features: [2, 3, 4]\n"
        "neck: {out_channels: [8, 16, 24], depth: 1}\n"
        "head: {num_classes: 2}\n"
        "names: [cat, dog]\n"
    )


def test_a_spec_is_priced_and_built_as_the_same_thing() -> None:
    features = SMALL.backbone.feature_shapes()
    levels = SMALL.neck.out_shapes(features)
    assert SMALL.ops() == (
        *SMALL.backbone.ops(),
        *SMALL.neck.ops(features),
        *SMALL.head.ops(levels),
    )
    assert SMALL.build().strides == (8, 16, 32)


def test_a_template_takes_any_classes() -> None:
    backbone, template = load_backbone("zoo:damo-yolo-ns"), load_template("ns")
    spec = assemble(backbone, template, 2, ["cat", "dog"])
    assert (spec.head.num_classes, spec.names) == (2, ("cat", "dog"))
    assert (spec.head.reg_max, spec.neck) == (template.head.reg_max, template.neck)


# What is searched in a small file, what takes its place, and what the error says of it.
MISTAKES = [
    ("format: maenas/detector@1\n", "", "lacks the line `format: maenas/detector@1`"),
    ("detector@1", "detector@2", r"written by a newer maenas \(maenas/detector@2.*upgrade"),
    ("detector@1", "backbone@1", "is a maenas/backbone@1, expected maenas/detector@1"),
    ("detector@1", "detector@one", "unknown format 'maenas/detector@one'"),
    ("names:", "name:", "name: no such field; did you mean names?"),
    ("names: [cat, dog]", "names: [cat]", r"names: must be one per class \(2\), got 1"),
    ("names: [cat, dog]", "names: cat", r"names.*got 'cat' \(text\)"),
    ("names: [cat, dog]", "names: [cat, yes]", r"names\[1\]: .*got True"),
    ("names: [cat, dog]", "resize: crop", "resize: .*'letterbox' or 'stretch', got 'crop'"),
    ("names: [cat, dog]", "names: [cat, dog]\nhead: {}", "key 'head' is given twice"),
    ("head: {num_classes: 2}\n", "", "head: must be a mapping of keys"),
    ("head: {num_classes: 2}", "head: 2", "head: must be a mapping of keys"),
    ("{num_classes: 2}", "{classes: 2}", r"head\.classes: no such field; did you mean num_classes"),
    ("{num_classes: 2}", "{num_classes: two}", r"head\.num_classes: .*got 'two' \(text\)"),
    ("{num_classes: 2}", "{num_classes: 2.0}", r"head\.num_classes: .*got 2.0 \(a number\)"),
    ("{num_classes: 2}", "{num_classes: 0}", "head: .*num_classes must be at least 1, got 0"),
    ("{num_classes: 2}", "{num_classes: 2, act: gelu}", r"head\.act: .*got 'gelu'"),
    ("{num_classes: 2}", "{num_classes: 2, kernel_size: 4}", "kernel_size must be odd"),
    ("depth: 1", "depht: 1", r"neck\.depht: no such field; did you mean depth"),
    ("depth: 1", "depth: -1", "neck: .*depth must be at least 0"),
    ("depth: 1", "fusion: sum", r"neck\.fusion: .*got 'sum'"),
    ("depth: 1", "extra_upsampling: 1", r"neck\.extra_upsampling: .*got 1 \(a whole number\)"),
    ("out_channels: [8, 16, 24], ", "", r"neck\.out_channels: is missing"),
    ("[8, 16, 24]", "[8, 16]", r"neck\.out_channels"),
    ("[8, 16, 24]", "[8, 16, x]", r"neck\.out_channels\[2\]: .*got 'x'"),
    ("features: [2, 3, 4]", "feature: [2, 3, 4]", r"backbone\.feature: no such field; did you mea"),
    ("features: [2, 3, 4]", "features: [2, 3, 9]", "backbone: features: must be ascending indices"),
    ("features: [2, 3, 4]", "features: [3, 4]", "neck: needs three features.*got 2"),
    ("features: [2, 3, 4]", "features: [1, 3, 4]", "neck: needs three features.*16x24, 4x6, 2x3"),
    (
        "in_shape: [3, 64, 96]",
        "in_shape: [3, 80, 96]",
        r"backbone\.in_shape: the input size .* multiple of 32 .*64x96 or 96x96, got 80x96",
    ),
    (
        "block: conv_stem",
        "block: conv_stm",
        r"backbone: stages\[0\]\.block: no such block 'conv_st",
    ),
    ("out_channels: 8}", "out_channels: 8, strid: 2}", r"stages\[0\]\.strid: no such field"),
    ("neck: {", "neck: [", "not valid YAML"),
]


@pytest.mark.parametrize(("line", "changed", "message"), MISTAKES)
def test_a_mistake_is_named_with_file_and_key(
    path: Path, line: str, changed: str, message: str
) -> None:
    dump_detector(SMALL, path)
    text = path.read_text()
    assert text.count(line) >= 1
    path.write_text(text.replace(line, changed, 1))
    with pytest.raises(SpecError, match=message) as raised:
        load_detector(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_or_is_no_mapping_is_refused(path: Path) -> None:
    with pytest.raises(SpecError, match=r"detector.yaml: no such file"):
        load_detector(path)
    path.write_text("- a list")
    with pytest.raises(SpecError, match="must be a mapping of keys, got a list"):
        load_detector(path)


def test_code_in_a_file_is_not_run(path: Path) -> None:
    path.write_text("format: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(SpecError, match="not valid YAML"):
        load_detector(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": ("cat",)}, r"names: must be one per class \(2\), got 1"),
        ({"names": ("cat", "cat")}, "names: must differ, got 'cat' more than once"),
        ({"names": ("cat", " ")}, r"names\[1\]: must not be empty"),
        ({"names": ("cat", "\x1b[31m")}, r"names\[1\]: holds a character that cannot be printed"),
        ({"names": ("cat", "dog", "cow")}, r"names: must be one per class \(2\), got 3"),
        ({"backbone": replace(SMALL.backbone, features=(4,))}, "needs three features.*got 1"),
        (
            {"backbone": replace(SMALL.backbone, in_shape=(3, 65, 96))},
            "in_shape: the input size .*64x96 or 96x96, got 65x96",
        ),
        (
            {"backbone": replace(SMALL.backbone, in_shape=(3, 63, 96))},
            r"in_shape: the input size .* multiple of 32 .*32x96 or 64x96, got 63x96",
        ),
        (
            {"neck": replace(SMALL.neck, out_channels=(8, 1, 8))},
            "neck: p4 is split into two halves.*at least 2 channels, got 1; widen out_channels",
        ),
        (
            {"neck": replace(SMALL.neck, hidden_ratio=0.01)},
            "neck: hidden_channels must be at least",
        ),
        (
            {"backbone": replace(SMALL.backbone, stages=(*SMALL.backbone.stages[:4], THIN))},
            "neck: p5_td is split.*got 1; widen the feature of its level",
        ),
    ],
)
def test_a_detector_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        replace(SMALL, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scale", "trained", "searched"),
    [
        ("ns", "3f0c33daab3d6f42", "df47408a72eba025"),
        ("s", "f4696034e8c1dbd9", "f6f73f7289ffcb51"),
    ],
)
def test_digests_of_a_detector_are_those_of_runs_before_one_to_one_heads(
    scale: str, trained: str, searched: str
) -> None:
    assert digest_of_spec(published_detector(scale)).startswith(trained)
    template = identity_text(asdict(load_template(scale)))
    assert hashlib.sha256(template.encode()).hexdigest().startswith(searched)


def test_a_one_to_one_head_changes_the_digest() -> None:
    ordinary = published_detector("ns")
    changed = replace(ordinary, head=replace(ordinary.head, one_to_one=True))
    assert digest_of_spec(changed) != digest_of_spec(ordinary)
