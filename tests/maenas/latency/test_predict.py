"""`maenas predict`: one number and all that it is made of, for whatever has operators."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from maenas.blocks import load_backbone
from maenas.budgets import load_device
from maenas.budgets.backends.openvino_cpu import OpenVinoBackend
from maenas.latency.graphs import graph_of
from maenas.latency.networks import published_detector
from tests.cpu_table import cpu_table
from tests.graphs import kernels, made
from tests.small_detector import small_folder, small_spec

KEYS = ["schema", "network", "what", "device", "kind", "about", "warning", "provenance",
        "precision",
        "latency_ms", "not_included", "unpriced", "unpriced_share", "extrapolated_share",
        "by_kind", "layers"]  # fmt: skip


@pytest.fixture
def small_onnx(tmp_path: Path) -> Path:
    """The small detector as an ONNX file."""
    path = tmp_path / "small.onnx"
    onnx.save(graph_of(small_spec()), path)
    return path


def test_a_published_model_takes_the_sum_of_its_operators(typed) -> None:
    found = typed("predict", "zoo:damo-yolo-s", "--device", "t4", "--json").json
    device = load_device("t4")
    assert list(found) == KEYS
    assert found["schema"] == "maenas/predict@1"
    assert found["what"] == "detector"
    assert (found["kind"], found["precision"]) == ("predicted, estimated", "f16")
    total = found["latency_ms"]["p50"]
    assert total == pytest.approx(device.latency_ms(published_detector("s").ops()))
    assert sum(layer["ms"] for layer in found["layers"]) == pytest.approx(total)
    assert sum(found["by_kind"].values()) == pytest.approx(total)
    for listed in (list(found["by_kind"].values()), [one["ms"] for one in found["layers"]]):
        assert listed == sorted(listed, reverse=True)
    assert {name: found["latency_ms"][name] for name in ("min", "p95", "cv")} == {
        "min": None, "p95": None, "cv": None,
    }  # fmt: skip


def test_a_backbone_alone_takes_less(typed) -> None:
    found = typed("predict", "zoo:damo-yolo-s", "--template", "none", "--json").json
    assert found["what"] == "backbone"
    assert found["device"] == "t4"
    ops = load_backbone("zoo:damo-yolo-s").ops()
    assert found["latency_ms"]["p50"] == pytest.approx(load_device("t4").latency_ms(ops))


def test_a_detector_and_its_onnx_file_take_the_same(typed, tmp_path, small_onnx) -> None:
    folder = small_folder(tmp_path / "small")
    totals = []
    for network in (folder, folder / "detector.yaml", small_onnx):
        found = typed("predict", network, "--device", "intel-8163", "--json").json
        totals.append(found["latency_ms"]["p50"])
    assert totals == pytest.approx([totals[0]] * 3)
    assert found["what"] == "onnx"
    assert found["precision"] == "f32"


def test_a_larger_image_takes_longer(typed) -> None:
    asked = ("predict", "zoo:damo-yolo-t", "--json", "--input-size")
    small, large = (typed(*asked, side).json["latency_ms"]["p50"] for side in (320, 640))
    assert small < large


def test_the_listing_shows_the_dearest_and_counts_the_rest(typed) -> None:
    shown = typed("predict", "zoo:damo-yolo-s", "--device", "t4")
    count = len(published_detector("s").ops())
    assert "zoo:damo-yolo-s (detector): " in shown.words
    assert "ms predicted on t4" in shown.words
    assert "t4: estimated: " in shown.words
    assert "by kind: conv 3x3/1" in shown.words
    assert f"{count - 15} more (--all)" in shown.words
    every = typed("predict", "zoo:damo-yolo-s", "--device", "t4", "--all")
    assert "more (--all)" not in every.words
    assert every.out.count("->") > shown.out.count("->")


# The advice that a message gives works as it is printed.


def advice(ran: Any, start: str, end: str, code: int = 2) -> list[str]:
    """The words of a command line that an error, or a warning, proposes."""
    assert ran.code == code
    assert bool(ran.out) == (code == 0)
    assert ran.err.count("\n") == 1, ran.err
    _, found, rest = ran.err.partition(start)
    assert found, ran.err
    return shlex.split((start + rest.partition(end)[0]).removeprefix("maenas "))


@pytest.mark.parametrize(
    "shape",
    [("N", 3, 64, "W"), ("N", 3, "H", 64), ("N", 3, "H", "W"), ("N", "H", "W", 3), (3, "H", "W"),
     ("H", 64, 3)],
    ids=str,
)  # fmt: skip
def test_the_size_that_is_advised_is_taken(typed, tmp_path, shape) -> None:
    lines, attributes = ["y = Conv x w"], {}
    weights = {"w": kernels(8, 3), "first": np.array([0])}
    if shape[-1] == 3:
        lines, attributes = ["t = Transpose x", "y = Conv t w"], {"t": {"perm": (0, 3, 1, 2)}}
    if len(shape) == 3:  # without a batch axis
        lines = ["b = Unsqueeze x first", *(line.replace(" x", " b") for line in lines)]
    onnx.save(made(lines, {"x": shape}, weights, (), attributes), tmp_path / "open.onnx")
    asked = ("predict", "open.onnx")
    option = advice(typed(*asked), "--input-size ", ", or")
    assert typed(*asked, *option).code == 0
    again = typed(*asked, "--input-size", 96)
    if 64 in shape:
        assert typed(*asked, *advice(again, "--input-size ", ", or")).code == 0
    else:
        assert again.code == 0


@pytest.mark.slow
def test_the_command_that_is_advised_for_a_missing_price_gives_it(typed, tmp_path) -> None:
    table = cpu_table(provenance=dict(OpenVinoBackend("f32", 1).provenance()))
    kept = tuple(one for one in table.samples if one.role != "operator")
    replace(table, samples=kept).save(tmp_path / "mine.json")
    lines = ["a = Conv x w", "y = Softmax a"]
    model = made(lines, {"x": ("N", 8, "H", "W")}, {"w": kernels(8, 8)})
    onnx.save(model, tmp_path / "my net.onnx")
    asked = ("predict", "my net.onnx", "--device", "mine.json", "--input-size", "32x64")
    command = advice(typed(*asked), "maenas profile --extend", "\n", code=0)
    assert command[-3:] == ["my net.onnx", "--input-size", "32x64"]
    assert typed(*command).code == 0
    assert typed(*asked).code == 0


def test_a_file_of_unknown_standard_operators_is_measured_as_advised(typed, tmp_path) -> None:
    model = made(["a = Conv x w", "y = LRN a"], {"x": (1, 8, "h", 16)}, {"w": kernels(8, 8)},
                 (), {"y": {"size": 3}})  # fmt: skip
    onnx.save(model, tmp_path / "odd.onnx")
    ran = typed("predict", "odd.onnx", "--input-size", "16")
    command = advice(ran, "maenas measure", "`", code=0)
    assert typed(*command).code == 0


@pytest.mark.parametrize("domain", ["com.microsoft", "ai.onnx.ml"])
def test_operators_of_onnx_runtime_alone_are_measured_as_advised(typed, tmp_path, domain) -> None:
    """By `predict`, and by `measure` where its runtime cannot."""
    kind, attributes = {
        "com.microsoft": ("BiasGelu", {}),
        "ai.onnx.ml": ("Scaler", {"offset": [0.0], "scale": [2.0]}),
    }[domain]
    weights = {"to": np.array([1, 2048]), "bias": np.zeros(2048, np.float32)}
    line = "y = Custom r bias" if domain == "com.microsoft" else "y = Custom r"
    model = made(["r = Reshape x to", line], weights=weights, attributes={"y": attributes},
                 domain=domain)  # fmt: skip
    model.graph.node[1].op_type = kind
    onnx.save(model, tmp_path / "odd.onnx")
    command = advice(typed("predict", "odd.onnx"), "maenas measure", "`")
    assert command == ["measure", "odd.onnx", "--device", "onnxruntime-cpu"]
    assert typed(*command).code == 0


def test_an_operator_that_no_runtime_knows_is_named_by_each_command(typed, tmp_path) -> None:
    model = made(["a = Conv x w", "y = CustomThing a"], weights={"w": kernels(8, 8)}, domain="acme")
    onnx.save(model, tmp_path / "odd.onnx")
    cpu_table(provenance=dict(OpenVinoBackend("f32", 1).provenance())).save(tmp_path / "mine.json")
    remedy = "No runtime here computes operators of acme; export the network without them."
    for asked in (
        ("predict", "odd.onnx"),
        ("measure", "odd.onnx"),
        ("measure", "odd.onnx", "--device", "onnxruntime-cpu"),
        ("profile", "--extend", "mine.json", "--model", "odd.onnx"),
    ):
        ran = typed(*asked)
        assert ran.code == (0 if asked[0] == "predict" else 2)  # it prices all else
        assert "1 x acme.CustomThing" in ran.err
        assert remedy in ran.err


def test_an_operator_that_onnx_does_not_define_is_named_by_each_command(typed, tmp_path) -> None:
    model = made(["a = Conv x w", "y = Blurb a"], weights={"w": kernels(8, 8)})
    onnx.save(model, tmp_path / "odd.onnx")
    for command in ("predict", "measure"):
        ran = typed(command, "odd.onnx")
        assert ran.code == (0 if command == "predict" else 2)  # it prices all else
        assert "1 x Blurb" in ran.err
        assert "ONNX defines no operator of this name; export the network without it." in ran.err


def test_a_table_is_taken_by_its_file_and_says_what_lies_beyond_it(typed, tmp_path) -> None:
    cpu_table().save(tmp_path / "mine.json")
    shown = typed("predict", "zoo:damo-yolo-ns", "--device", "mine.json")
    assert "ms predicted on mine" in shown.words
    assert "mine: measured 2026-11-22" in shown.words
    assert "lies beyond" not in shown.words
    asked = ("predict", "zoo:damo-yolo-ns", "--device", "mine.json", "--input-size", "64")
    words = typed(*asked).words
    assert "% lies beyond what was measured: " in words
    assert "): ~" in words.split(" ms predicted on ")[0]  # the total is a guess as well
    found = typed(*asked, "--json").json
    beyond = [layer for layer in found["layers"] if layer["extrapolated"]]
    share = sum(layer["ms"] for layer in beyond) / found["latency_ms"]["p50"]
    assert found["extrapolated_share"] == pytest.approx(share)
    assert 0 < share <= 1
    assert "positions, not" in json.dumps(beyond)


def refused(ran, *words: str) -> None:
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: "), ran.err
    assert ran.err.count("\n") == 1, ran.err
    for word in words:
        assert word in ran.err


def test_unknown_operators_are_listed(typed, tmp_path: Path) -> None:
    lines = ["a = LRN x", "b = CustomThing a", "y = Conv x w"]
    attributes = {"a": {"size": 3}}
    model = made(lines, weights={"w": kernels(8, 8)}, attributes=attributes, domain="acme")
    onnx.save(model, tmp_path / "odd.onnx")
    words = ("odd.onnx: ", "1 x LRN", "1 x acme.CustomThing", "No runtime here computes")
    ran = typed("predict", "odd.onnx", "--device", "t4-trt7")
    assert ran.code == 0
    assert "~0.0" in ran.out
    left_out = typed("predict", "odd.onnx", "--json").json
    shares = {one["kind"]: one["as_copies_ms"] for one in left_out["unpriced"]}
    assert shares["acme.CustomThing"] is None  # its shape is not known
    assert shares["LRN"] > 0
    assert 0 < left_out["unpriced_share"] < 1
    assert {word for word in words if word not in ran.err} == set()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.onnx",), "none.onnx: no such file"),
        (("cut.onnx",), "cut.onnx: is damaged or not an ONNX file"),
        (("empty.onnx",), "empty.onnx: has no operators"),
        (("batch.onnx",), "batch.onnx: input x has batch 8"),
        (("open.onnx",), "open.onnx: input x leaves its height open"),
        (("free.onnx",), "free.onnx: has no operator that takes time"),
        (("free.onnx", "--input-size", "32"), "input x is fixed at 16 x 16"),
        (("lost.onnx",), "lost.onnx: its weights"),
        (("zoo:damo-yolo-s", "--device", "cpu"), "run `maenas profile --device cpu`"),
        (("zoo:damo-yolo-s", "--device", "gone.json"), "gone.json: no such file"),
        (("zoo:damo-yolo-s", "--template", "xl"), "xl"),
        (("zoo:damo-yolo-s", "--input-size", "-64"), "-64"),
        (("zoo:damo-yolo-s", "--input-size", "0"), "0"),
        (("nothing",), "nothing"),
        (("",), "a network is expected: a spec, a detector or run folder, or zoo:NAME; got an"),
        (("folder",), "folder: holds no network: neither detector.yaml nor best.yaml"),
        (("gone", "--device", "gone.json"), "gone.json: no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_predicted_is_refused_in_one_line(typed, tmp_path, arguments, words):
    weights = {"w": kernels(8, 8)}
    for name, shape in (("batch", (8, 8, 16, 16)), ("open", (1, 8, "height", 16))):
        onnx.save(made(["y = Conv x w"], {"x": shape}, weights), tmp_path / f"{name}.onnx")
    onnx.save(made(["y = Identity x"]), tmp_path / "free.onnx")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.onnx").touch()
    (tmp_path / "cut.onnx").write_bytes((tmp_path / "batch.onnx").read_bytes()[:-40])
    model = made(["y = Conv x w"], weights=weights)
    outside = {"save_as_external_data": True, "location": "lost.bin", "size_threshold": 0}
    onnx.save(model, tmp_path / "lost.onnx", **outside)
    (tmp_path / "lost.bin").unlink()
    refused(typed("predict", *arguments), words)


# Operators without a price.


@pytest.mark.slow
def test_operators_without_a_price_are_named_with_the_share_that_they_take_at_least(
    typed, tmp_path
) -> None:
    cpu_table().save(tmp_path / "mine.json")
    lines = ["a = Conv x w", "b = LRN a", "c = LRN b", "y = Relu c"]
    sizes = {"b": {"size": 3}, "c": {"size": 3}}
    onnx.save(made(lines, {"x": (1, 8, 32, 32)}, {"w": kernels(8, 8)}, (), sizes), "odd.onnx")
    ran = typed("predict", "odd.onnx", "--device", "mine.json")
    assert ran.code == 0
    assert "ms predicted on mine, without the operators that have no price" in ran.words
    assert "warning: odd.onnx: 2 x LRN without a price on mine, " in ran.err
    assert "% of the whole, the time of copies of the same size. `maenas measure" in ran.err
    found = typed("predict", "odd.onnx", "--device", "mine.json", "--json").json
    (lrn,) = found["unpriced"]
    assert (lrn["kind"], lrn["count"]) == ("LRN", 2)
    total = found["latency_ms"]["p50"]
    assert lrn["as_copies_ms"] > 0
    assert found["unpriced_share"] == pytest.approx(
        lrn["as_copies_ms"] / (total + lrn["as_copies_ms"])
    )


def test_a_kind_that_an_earlier_table_never_measured_is_left_out_with_its_command(
    typed, tmp_path
) -> None:
    table = cpu_table()
    known = [sample for sample in table.samples if sample.role != "operator"]
    replace(table, samples=tuple(known)).save(tmp_path / "mine.json")
    onnx.save(made(["a = Conv x w", "y = Softmax a"], weights={"w": kernels(8, 8)}), "net.onnx")
    ran = typed("predict", "net.onnx", "--device", "mine.json")
    assert ran.code == 0
    assert "1 x softmax without a price on mine" in ran.err
    assert "maenas profile --extend mine.json --model net.onnx" in ran.err


def test_a_network_without_any_price_is_an_error(typed, tmp_path) -> None:
    cpu_table().save(tmp_path / "mine.json")
    onnx.save(made(["y = LRN x"], attributes={"y": {"size": 3}}), "odd.onnx")
    ran = typed("predict", "odd.onnx", "--device", "mine.json")
    assert ran.code == 2
    assert ran.err.startswith("error: odd.onnx: has operators without a price: 1 x LRN. ")
