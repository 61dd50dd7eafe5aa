"""`maenas build-detector`, and the circle: what is searched is what is built and exported."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch

from maenas.blocks import load_backbone
from maenas.blocks.backbone_file import dump_backbone, zoo_path
from maenas.detector.checkpoints.checkpoint import load_folder, save_folder
from maenas.detector.model.spec import DetectorSpec, assemble, load_detector
from maenas.detector.model.template import load_template
from maenas.runs.folders import RUN_FILES
from tests.small_detector import NAMES, one_to_one_spec, small_folder, small_spec
from tests.trainings import write_data

SEARCH = (
    *("search", "--budget", "0.03GMACs", "--space", "mob", "--template", "ns"),
    *("--input-size", "64", "--evaluations", "600", "--finalists", "0", "--out", "run"),
)


def test_a_published_backbone_becomes_the_published_detector(typed, tmp_path: Path) -> None:
    result = typed("build-detector", "zoo:damo-yolo-s", "--out", "det", "--json").json
    spec, weights = load_folder(tmp_path / "det")
    assert spec == assemble(load_backbone("zoo:damo-yolo-s"), load_template("s"))
    assert weights is None
    assert result["params"] == 16_251_628  # damo-yolo-s deployed, less the three scales of its head
    parts = result["parts"]
    assert parts["total"]["macs"] == sum(parts[p]["macs"] for p in ("backbone", "neck", "head"))
    assert result["latency_kind"] == "estimated"


def test_classes_change_the_head_alone(typed, tmp_path: Path) -> None:
    typed("build-detector", "zoo:damo-yolo-t", "--names", "cat,dog", "--out", "det")
    spec = load_detector(tmp_path / "det" / "detector.yaml")
    whole = assemble(load_backbone("zoo:damo-yolo-t"), load_template("t"))
    assert spec.names == ("cat", "dog")
    assert spec.head.num_classes == 2
    assert (spec.backbone, spec.neck) == (whole.backbone, whole.neck)


def test_images_are_stretched_if_asked_for(typed, tmp_path: Path) -> None:
    typed("build-detector", "zoo:damo-yolo-t", "--resize", "stretch", "--out", "det")
    assert load_detector(tmp_path / "det" / "detector.yaml").resize == "stretch"


def test_a_detector_that_is_built_again_keeps_what_its_source_has(typed, tmp_path: Path) -> None:
    source = replace(one_to_one_spec(), resize="stretch")
    save_folder(tmp_path / "source", source, None)

    def again(*words: str) -> DetectorSpec:
        typed("build-detector", "source", *words, "--out", "again", "--exist-ok")
        return load_detector(tmp_path / "again" / "detector.yaml")

    assert again() == source
    grey = again("--channels", "1")
    assert replace(grey, backbone=source.backbone) == source
    assert again("--num-classes", "2").names == ()
    named = again("--names", "ox,hen")
    assert (named.names, named.resize) == (("ox", "hen"), "stretch")
    rescaled = again("--template", "ns")
    assert rescaled.head.one_to_one
    assert (rescaled.names, rescaled.resize) == (source.names, "stretch")
    assert again("--resize", "letterbox").resize == "letterbox"


def test_a_backbone_with_inherited_weights_resizes_images_as_their_source(
    typed, tmp_path: Path
) -> None:
    small_folder(tmp_path / "source", "stretch")
    dump_backbone(small_spec().backbone, tmp_path / "backbone.yaml")
    save_folder(tmp_path / "boxed", small_spec(), None)
    for model, words, expected in (
        ("backbone.yaml", (), "stretch"),
        ("backbone.yaml", ("--resize", "letterbox"), "letterbox"),
        ("boxed", (), "letterbox"),
    ):
        options = ("--init", "source", "--out", "again", "--exist-ok")
        ran = typed("build-detector", model, *words, *options)
        assert f"images are resized by {expected}, " in ran.err
        assert load_detector(tmp_path / "again" / "detector.yaml").resize == expected


def test_a_one_to_one_head_costs_the_same_and_takes_both_branches_from_an_ordinary_one(
    typed, tmp_path: Path
) -> None:
    small_folder(tmp_path / "plain")
    usual = typed("build-detector", "plain", "--out", "again", "--json").json
    command = ("build-detector", "plain", "--head", "one-to-one", "--init", "plain")
    result = typed(*command, "--out", "det", "--json").json
    assert result["params"] == usual["params"]
    assert set(result["inherited"]) == {"copied"}
    spec, weights = load_folder(tmp_path / "det")
    assert spec.head.one_to_one
    source = load_folder(tmp_path / "plain")[1]
    for name, value in source.items():
        assert torch.equal(weights[name], value)
        if name.startswith("head."):
            assert torch.equal(weights[name.replace("head.", "head.one_to_one.")], value)
    assert "ZeroHead one-to-one" in typed("show", "det").out
    assert "detector, no NMS" in typed("compare", "plain", "det").out
    back = ("build-detector", "det", "--head", "zero", "--init", "det", "--out", "back", "--json")
    assert set(typed(*back).json["inherited"]) == {"copied"}
    spec, weights = load_folder(tmp_path / "back")
    assert spec == load_folder(tmp_path / "plain")[0]
    assert all(torch.equal(weights[name], value) for name, value in source.items())
    refused = typed("build-detector", "plain", "--head", "one", "--out", "other")
    assert refused.code == 2
    assert "--head" in refused.err


def test_an_existing_detector_is_not_replaced_unasked(typed, tmp_path: Path) -> None:
    command = ("build-detector", "zoo:damo-yolo-t", "--out", "det")
    typed(*command)
    before = (tmp_path / "det" / "detector.yaml").read_bytes()
    refused = typed(*command, "--num-classes", "3")
    assert refused.code == 2
    assert "--exist-ok" in refused.err
    assert (tmp_path / "det" / "detector.yaml").read_bytes() == before
    typed(*command, "--num-classes", "3", "--exist-ok")
    assert load_detector(tmp_path / "det" / "detector.yaml").head.num_classes == 3


@pytest.mark.parametrize("file", RUN_FILES)
def test_no_detector_is_written_over_a_run(typed, tmp_path: Path, file: str) -> None:
    """`val run` and `show run` would read the detector, which has no weights, instead."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / file).touch()
    refused = typed("build-detector", "zoo:damo-yolo-t", "--out", "run", "--exist-ok")
    assert refused.code == 2
    assert f"run: holds a run ({file})" in refused.err
    assert [path.name for path in (tmp_path / "run").iterdir()] == [file]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("zoo:damo-yolo-s", "--num-classes", "0"), "num_classes"),
        (("zoo:damo-yolo-s", "--num-classes", "3", "--names", "a,b"), "names"),
        (("zoo:damo-yolo-s", "--template", "xl"), "template"),
        (("zoo:damo-yolo-s", "--resize", "crop"), "--resize must be one of letterbox, stretch"),
        (("zoo:nothing",), "no model named"),
        (("missing.yaml",), "no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_bad_input_is_one_line_and_writes_nothing(
    typed, arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    refused = typed("build-detector", *arguments, "--out", "det")
    assert refused.code == 2
    assert refused.err.startswith("error: ")
    assert words in refused.err
    assert len(refused.err.splitlines()) == 1
    assert not (tmp_path / "det").exists()


@pytest.mark.slow
def test_the_operators_of_the_exported_graph_are_those_the_search_priced(
    typed, tmp_path: Path
) -> None:
    searched = typed(*SEARCH, "--json").json
    built = typed("build-detector", "run", "--out", "det", "--json").json
    assert typed("export", "det", "--out", "det.onnx", "--batch", "1").code == 0
    assert (built["macs"], built["params"]) == (searched["macs"], searched["params"])
    graph = onnx.load(tmp_path / "det.onnx").graph
    ops = load_detector(tmp_path / "det" / "detector.yaml").ops()
    assert convolutions(graph) == Counter(
        (op.in_shape[0] // op.groups, op.out_shape[0], op.kernel_size, op.stride, op.groups)
        for op in ops
        if op.kind == "conv"
    )
    kinds = Counter(node.op_type for node in graph.node)
    priced = Counter(op.kind for op in ops)
    assert kinds["MaxPool"] == priced["max_pool"]
    assert kinds["Resize"] == priced["upsample"]


def convolutions(graph: onnx.GraphProto) -> Counter[tuple[int, int, int, int, int]]:
    """(channels a group, out channels, kernel, stride, groups) of every convolution."""
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    found: Counter[tuple[int, int, int, int, int]] = Counter()
    for node in graph.node:
        if node.op_type == "Conv":
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            out_channels, in_channels, kernel_size, _ = weights[node.input[1]]
            stride = attributes.get("strides", [1])[0]
            groups = attributes.get("group", 1)
            found[in_channels, out_channels, kernel_size, stride, groups] += 1
    return found


@pytest.mark.slow
def test_the_classes_of_a_search_are_priced_shown_and_built(typed, tmp_path: Path) -> None:
    found = typed(*SEARCH, "--num-classes", "3", "--json").json
    assert found["num_classes"] == 3
    shown = typed("show", "run/best.yaml", "--json").json
    assert (shown["macs"], shown["params"]) == (found["macs"], found["params"])
    built = typed("build-detector", "run/best.yaml", "--out", "det", "--json").json
    assert built["num_classes"] == 3
    assert (built["macs"], built["params"]) == (found["macs"], found["params"])
    predicted = typed("predict", "run/best.yaml", "--json").json["latency_ms"]["p50"]
    assert predicted == pytest.approx(built["latency_ms"])
    again = typed("predict", "run/best.yaml", "--template", "ns", "--json").json
    assert again["latency_ms"]["p50"] == pytest.approx(predicted)
    whole = typed("build-detector", "run/best.yaml", "--num-classes", "80", "--out", "d", "--json")
    assert whole.json["macs"] > built["macs"]


@pytest.mark.slow
def test_the_classes_of_a_data_set_are_priced(typed, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    found = typed(*SEARCH, "--data", data, "--json").json
    assert found["num_classes"] == len(NAMES)
    assert f"--num-classes {len(NAMES)}" in found["command"]
    other = typed(*SEARCH, "--data", data, "--num-classes", "5", "--exist-ok")
    assert other.code == 2
    assert f"has {len(NAMES)} classes, got 5" in other.err


@pytest.mark.parametrize(
    ("line", "changed", "words"),
    [
        ("[3, 416, 416]", "[2, 416, 416]", "mine.yaml: backbone.in_shape: a detector reads images"),
        ("[3, 416, 416]", "[3, 400, 416]", "mine.yaml: backbone.in_shape: the input size"),
        ("[3, 416, 416]", "[3, 41600, 41600]", "mine.yaml: in_shape: must be at most 16,384"),
        ("depth: 2", "depth: 4611686018427387904", "stages[2]: mob: depth must be at most 10,000"),
        ("out_channels: 24", "out_channels: 99999999999", "out_channels must be at most 65,536"),
        ("template: ns", "template: ns\nnum_classes: 999999999", "num_classes must be at most"),
    ],
)
@pytest.mark.parametrize("command", ["build-detector", "predict"])
def test_a_spec_that_cannot_become_a_detector_is_refused_at_once(
    typed, tmp_path: Path, command: str, line: str, changed: str, words: str
) -> None:
    text = zoo_path("damo-yolo-ns").read_text().replace("num_classes: 80\n", "")
    assert line in text
    (tmp_path / "mine.yaml").write_text(text.replace(line, changed, 1))
    ran = typed(command, "mine.yaml")
    assert ran.code == 2
    assert words in ran.err
    assert ran.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]
