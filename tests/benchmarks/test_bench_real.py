"""The benchmark on real images: one form of the data for all sides, one judge, one table."""

import json
import sys

import numpy as np
import onnx
import pytest

from benchmarks.real import table
from benchmarks.real.judge import judged, of_coco
from benchmarks.real.meter import run_metered, sessions
from benchmarks.real.pace import epochs_in, with_epochs
from benchmarks.real.sides import FAMILIES, Ours, Plan, side_of
from benchmarks.real.views import View, make_view
from maenas.blocks import MaenasError
from maenas.detector.data.make_shapes import ShapeSet, make_shapes
from maenas.detector.data.readers.read import read_dataset
from tests.graphs import kernels, made


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    made = make_shapes(ShapeSet(images=4, size=64), folder)
    made.write_text(made.read_text().replace("val:", "test: images/val\nval:"))
    return made, make_view(folder, folder / "view")


def test_a_view_holds_the_images_and_labels_of_its_data_set(view):
    source, made = view
    for split in ("train", "val", "test"):
        first, second = read_dataset(source, split), read_dataset(made.data, split)
        assert [each.path.name for each in first.samples] == [
            each.path.name for each in second.samples
        ]
        np.testing.assert_allclose(second.columns.boxes, first.columns.boxes, atol=1e-3)
        np.testing.assert_array_equal(second.columns.labels, first.columns.labels)


def test_the_judge_gives_perfect_detections_1_and_none_0(view):
    truth = read_dataset(view[1].data, "test")
    found = {}
    for sample in truth.samples:
        rows = zip(sample.boxes.tolist(), sample.labels, strict=True)
        found[sample.path.name] = [[*box, 0.9, label] for box, label in rows]
    assert judged(truth, found) == {"ap": 1.0, "ap50": 1.0, "ap75": 1.0}
    assert judged(truth, {}) == {"ap": 0.0, "ap50": 0.0, "ap75": 0.0}


def test_boxes_shifted_by_half_their_width_miss_at_iou_0_50(view):
    truth = read_dataset(view[1].data, "test")
    found = {}
    for sample in truth.samples:
        boxes = sample.boxes.copy()
        boxes[:, ::2] += (boxes[:, 2:3] - boxes[:, :1]) / 2  # IoU 1/3
        rows = zip(boxes.tolist(), sample.labels, strict=True)
        found[sample.path.name] = [[*box, 0.9, label] for box, label in rows]
    assert judged(truth, found)["ap50"] < 0.1


def test_detections_of_val_are_found_by_file_name(view, tmp_path):
    truth = read_dataset(view[1].data, "test")
    first = truth.samples[0]
    row = {"image_id": first.image_id, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5}
    (tmp_path / "coco.json").write_text(json.dumps([row]))
    assert of_coco(tmp_path / "coco.json", truth) == {first.path.name: [[1, 2, 4, 6, 0.5, 2]]}


def time(model, place):
    """Leave what `--latency` leaves, of a network of one convolution."""
    (place / "latency").mkdir()
    wide = made(["y = Conv x w"], {"x": (1, 8, 256, 256)}, {"w": kernels(1000, 8)})
    onnx.save(wide, place / "latency" / f"{model}.onnx")
    timed = {"data": "d", "size": 64, "ms": {model: {"f32": 1.5, "int8": 0.75}}}
    (place / "latency.json").write_text(json.dumps(timed))


def test_the_table_joins_trainings_with_their_latency_and_keeps_earlier_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.machine.RESULTS", tmp_path / "results")
    row = {"data": "d", "size": 64, "model": "ns", "seed": 0, "epochs": 1, "batch": 2}
    row |= {"peer": False, "ap": 0.25, "ap50": 0.5, "ap75": 0.2, "processor_min": 3.0}
    for seed in (0, 1):
        out = tmp_path / "runs" / "d-64" / f"ns-{seed}"
        out.mkdir(parents=True)
        (out / "row.json").write_text(json.dumps(row | {"seed": seed, "ap": 0.25 + seed / 10}))
        table.update(tmp_path / "runs")
        (out / "row.json").unlink()
    time("ns", tmp_path / "runs" / "d-64")
    rows = table.update(tmp_path / "runs")
    assert [(each["seed"], each["ap"], each["f32_ms"], each["gmacs"]) for each in rows] == [
        ("0", "0.25", "1.500", "0.524"),
        ("1", "0.35", "1.500", "0.524"),
    ]
    assert "AP 0.250..0.350, 2 seeds" in table.lines(rows)[0]


def test_a_peer_with_other_steps_has_the_latency_of_its_network(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.machine.RESULTS", tmp_path / "results")
    row = {"data": "d", "size": 64, "model": "yolo11n-step-8", "seed": 0, "epochs": 1, "batch": 8}
    row |= {"peer": True, "ap": 0.25, "ap50": 0.5, "ap75": 0.2, "processor_min": 3.0}
    (tmp_path / "runs" / "d-64" / "trained").mkdir(parents=True)
    (tmp_path / "runs" / "d-64" / "trained" / "row.json").write_text(json.dumps(row))
    time("yolo11n", tmp_path / "runs" / "d-64")
    assert [each["f32_ms"] for each in table.update(tmp_path / "runs")] == ["1.500"]


def test_rows_of_equal_processor_minutes_stand_apart_from_those_of_equal_epochs(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("benchmarks.machine.RESULTS", tmp_path / "results")
    row = {"data": "d", "size": 64, "model": "ns", "seed": 0, "epochs": 60, "batch": 8}
    row |= {"peer": False, "ap": 0.25, "ap50": 0.5, "ap75": 0.2, "processor_min": 3.0}
    for minutes in ("", "30"):
        out = tmp_path / "runs" / "d-64" / f"ns-{minutes}"
        out.mkdir(parents=True)
        (out / "row.json").write_text(json.dumps(row | {"minutes": minutes}))
    rows = table.update(tmp_path / "runs")
    assert [each["minutes"] for each in rows] == ["", "30"]
    by_epochs, by_minutes = table.lines(rows)
    assert "d at 64, 60 epochs, batch 8: ns" in by_epochs
    assert "d at 64, 30 processor minutes (60 epochs), batch 8: ns" in by_minutes


def test_minutes_leave_out_what_a_start_costs():
    # A start of 20 s and 10 s an epoch: 30 s with one epoch, 50 s with three.
    assert epochs_in(60 * 10, short=30, long=50) == 58
    assert epochs_in(50, short=30, long=50) == 3


def test_minutes_that_three_epochs_do_not_fit_into_are_refused():
    with pytest.raises(MaenasError, match=r"--minutes: must be at least 0\.8"):
        epochs_in(49, short=30, long=50)


def test_the_epochs_of_a_number_of_minutes_are_found_once(tmp_path):
    trained = []

    class Timed:
        name = "timed"

        def train(self, plan, seed, out):
            trained.append(plan.epochs)
            out.mkdir()
            (out / "minutes.json").write_text(json.dumps([20 + 10 * plan.epochs]))

    plan = Plan(view=View(tmp_path, ("a",)), size=64, epochs=60, batch=None, minutes=10)
    for _ in range(2):
        assert with_epochs(Timed(), plan, tmp_path).epochs == 58
    assert trained == [1, 3]


def test_processor_seconds_add_up_over_sessions(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.real.meter.POLL_S", 0.02)
    for _ in range(2):
        run_metered([sys.executable, "-c", "sum(range(4_000_000))"], tmp_path)
    assert len(sessions(tmp_path)) == 2


def test_a_model_of_ours_may_have_changes_of_its_recipe(tmp_path):
    quick = side_of("quick=zoo:damo-yolo-t,optimizer.lr=0.1,ema.ramp=100", None, tmp_path)
    assert quick == Ours("quick", "zoo:damo-yolo-t", ("optimizer.lr=0.1", "ema.ramp=100"))


@pytest.mark.parametrize(
    ("peer", "package"), [("yolo11n", "ultralytics"), ("yolov9t", "libreyolo")]
)
def test_a_peer_needs_a_python_that_has_its_package(peer, package, tmp_path):
    with pytest.raises(MaenasError, match=f"{peer}: needs --peers-python, .* {package}"):
        side_of(peer, None, tmp_path)


@pytest.mark.parametrize("images", ["", "0", "-8", "eight"])
def test_a_peer_takes_a_step_for_a_whole_number_of_images(images, tmp_path):
    with pytest.raises(MaenasError, match=f"yolox-nano@{images}: after @"):
        side_of(f"yolox-nano@{images}", tmp_path / "python", tmp_path)


@pytest.mark.parametrize(
    ("word", "batch", "name", "step"),
    [
        ("yolo11n", None, "yolo11n", 64),
        ("yolo11n", 24, "yolo11n", 72),
        ("yolo11n@8", None, "yolo11n-step-8", 8),
        ("yolox-nano", None, "yolox-nano", 16),
        ("yolox-tiny", 8, "yolox-tiny", 8),
        ("yolov9t@8", 32, "yolov9t-step-8", 8),
    ],
)
def test_the_table_states_the_name_and_the_images_of_a_step_of_a_peer(
    word, batch, name, step, tmp_path
):
    side = side_of(word, tmp_path / "python", tmp_path)
    plan = Plan(view=View(tmp_path, ("a",)), size=320, epochs=60, batch=batch)
    assert (side.name, side.batch(plan, tmp_path)) == (name, step)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.package)
def test_the_program_of_a_peer_gets_its_batch_and_where_to_train(family, tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(
        "benchmarks.real.sides.run_metered", lambda words, out, _: ran.append((words, out))
    )
    side = side_of(f"{family.models[0]}@8", tmp_path / "python", tmp_path)
    plan = Plan(view=View(tmp_path, ("a",)), size=320, epochs=60, batch=None)
    side.train(plan, 1, tmp_path / "out")
    (((python, program, job), out),) = ran
    assert (python, program.name) == (tmp_path / "python", f"{family.package}_peer.py")
    assert program.is_file()
    asked = json.loads(job)
    assert (asked["do"], asked["model"], asked["seed"]) == ("train", family.models[0], 1)
    assert (asked["batch"], asked["out"]) == (8, str(out / "run"))
