"""`maenas build-detector`, and the circle: what is searched is what is built and exported."""

from collections import Counter
from pathlib import Path

import onnx
import pytest

from maenas.blocks import load_backbone
from maenas.detector.checkpoints.checkpoint import load_folder
from maenas.detector.model.spec import assemble, load_detector
from maenas.detector.model.template import load_template

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
