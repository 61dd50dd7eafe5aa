"""`maenas train`: a run folder, exact continuation after a kill, one line for a mistake."""

from __future__ import annotations

import csv
import shutil
import time
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

import maenas
from maenas.detector.checkpoints.checkpoint import folder_is_trained, load_folder, save_folder
from maenas.detector.data.readers.yolo.reader import YoloReader
from maenas.training.run import run_training
from maenas.training.setup import TrainOptions
from tests.small_detector import small_spec
from tests.trainings import write_data

SETTINGS = (
    *("--compute", "cpu", "--workers", "0", "--set", "compute.batch=2", "--set", "batch=2"),
    *("--set", "optimizer.name=adamw", "--set", "optimizer.lr=0.02"),
)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data/data.yaml` and a detector of other classes in `start`."""
    folder = tmp_path_factory.mktemp("given")
    write_data(folder / "data", names=("cat", "cow"))
    torch.manual_seed(0)
    spec = small_spec("stretch")
    save_folder(folder / "start", spec, spec.build().state_dict())
    return folder


def options(given: Path, out: Path, epochs: int = 3) -> list[str]:
    data = str(given / "data" / "data.yaml")
    start = str(given / "start")
    return ["train", start, "--data", data, "--epochs", str(epochs), "--out", str(out), *SETTINGS]


def test_a_run_leaves_detectors_curves_and_images(typed, given, tmp_path) -> None:
    out = tmp_path / "run"
    ran = typed(*options(given, out), "--json")
    assert ran.code == 0, ran.err
    assert ran.json["schema"] == "maenas/train@1"
    assert (ran.json["epochs"], ran.json["skipped_steps"]) == (3, 0)
    assert "but those of the classifier, which keeps 1 of 2 classes\n" in ran.err
    for name in ("last", "best"):
        spec, weights = load_folder(out / name)
        assert spec.names == ("cat", "cow")
        assert weights is not None
    rows = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert all(float(row["loss"]) > 0 and row["ap"] for row in rows)
    for name in ("args.yaml", "results.html", "results.png", "train_labels.jpg", "resume.pt"):
        assert (out / name).stat().st_size > 0
    assert list((out / "predictions").glob("*.jpg"))


@pytest.mark.slow
def test_killed_and_continued_it_ends_with_the_same_weights(typed, start, given, tmp_path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert typed(*options(given, whole, epochs=12)).code == 0
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = start(*options(given, killed, epochs=12), cwd=tmp_path, environ=threads)
    table = killed / "results.csv"
    while process.poll() is None and not (table.exists() and len(table.read_text()) > 300):
        time.sleep(0.01)
    process.kill()
    process.wait()
    ended = len(table.read_text().splitlines()) - 1
    assert 0 < ended < 12
    ran = typed(*options(given, killed, epochs=12), "--resume")  # the same command
    assert ran.code == 0, ran.err
    assert "continues after " in ran.err  # an epoch, or its last step if it was not evaluated yet
    ours, theirs = (load_file(f / "last" / "weights.safetensors") for f in (killed, whole))
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
    lines = [(f / "results.csv").read_text().splitlines() for f in (killed, whole)]
    assert [line.rpartition(",")[0] for line in lines[0]] == [
        line.rpartition(",")[0] for line in lines[1]
    ]


@pytest.mark.slow
def test_a_finished_run_is_continued_without_another_word(typed, given, tmp_path) -> None:
    out = tmp_path / "run"
    assert typed(*options(given, out, epochs=1)).code == 0
    before = (out / "last" / "weights.safetensors").read_bytes()
    ran = typed("train", "--out", str(out), "--resume", "--compute", "cpu", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["epochs"] == 1
    assert (out / "last" / "weights.safetensors").read_bytes() == before


@pytest.fixture(scope="module")
def finished(given, tmp_path_factory) -> Path:
    """A run of one epoch."""
    out = tmp_path_factory.mktemp("finished") / "run"
    changes = ("compute.batch=2", "batch=2")
    asked = TrainOptions(str(given / "start"), given / "data" / "data.yaml", 1, changes)
    run_training(asked, out, False, False, "cpu", 0)
    return out


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("--epochs", "5"), "other values of the recipe (epochs=1, now epochs=5)"),
        (("--set", "optimizer.lr=0.5"), "now optimizer.lr=0.5)"),
        (("--data", "OTHER"), "classes cat, cow, the data has red, green"),
        (("--data", "MORE"), "other images or labels"),
        (("START", "--input-size", "96"), "--input-size 96: "),
        (("--input-size", "96"), "was started at 64x64; leave it out"),
    ],
)
def test_another_training_cannot_be_continued(
    changed, message, typed, given, finished, tmp_path
) -> None:
    others = {
        "START": lambda: str(given / "start"),
        "OTHER": lambda: str(write_data(tmp_path / "other", names=("red", "green"))),
        "MORE": lambda: str(write_data(tmp_path / "more", images=7, names=("cat", "cow"))),
    }
    words = [others[word]() if word in others else word for word in changed]
    before = (finished / "resume.pt").read_bytes()
    ran = typed("train", *words, "--out", str(finished), "--resume", "--compute", "cpu")
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert (finished / "resume.pt").read_bytes() == before


@pytest.mark.slow
def test_a_run_that_is_moved_with_its_data_is_continued(
    typed, given, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(given / "data", "here/data")
    Path("elsewhere").mkdir()
    words = ("--set", "compute.batch=2", "--set", "batch=2", "--epochs", "1", "--compute", "cpu")
    asked = ("train", str(given / "start"), "--data", "here/data/data.yaml", *words)
    assert typed(*asked, "--out", "here/run").code == 0
    kept = yaml.safe_load(Path("here/run/args.yaml").read_text())
    assert (kept["data"], kept["detector"]) == ("../data/data.yaml", str(given / "start"))
    Path("here").rename("there")
    monkeypatch.chdir("elsewhere")
    again = typed("train", "--out", "../there/run", "--resume", "--epochs", "5")
    assert "other values of the recipe (epochs=1, now epochs=5)" in again.err  # read from there
    done = typed("train", "--out", "../there/run", "--resume", "--data", "../there/data", "--json")
    assert (done.code, done.json["data"]) == (0, "../there/data/data.yaml")


def test_data_that_lie_elsewhere_now_are_asked_for(typed, given, finished, tmp_path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(finished, moved)
    args, data = moved / "args.yaml", str(given / "data" / "data.yaml")
    args.write_text(args.read_text().replace(data, "/gone/data.yaml"))
    ran = typed("train", "--out", str(moved), "--resume", "--epochs", "5")
    assert ran.code == 2
    assert f"{moved}: /gone/data.yaml is not there; --data names where it lies now." in ran.err


def test_the_weights_of_a_training_are_trained(finished) -> None:
    assert folder_is_trained(finished / "last") is True
    assert maenas.Detector(finished).trained is True


def test_a_finished_run_answers_without_its_data(typed, given, finished, monkeypatch) -> None:
    """An orchestrator that retries the command does not wait until a large data set is read."""
    monkeypatch.setattr(YoloReader, "read", None)
    words = ["--set", "compute.batch=2", "--set", "batch=2", "--epochs", "1", "--compute", "cpu"]
    words += ["--data", str(given / "data" / "data.yaml"), "--out", str(finished)]
    ran = typed("train", str(given / "start"), *words, "--resume", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["best"] == str(finished / "best")
    assert ran.err == f"{finished}: is finished, 1 epoch\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("args.yaml", "args.yaml: "),
        ("resume.pt", "is damaged or not a training saved by maenas"),
        ("last/detector.yaml", "last/detector.yaml: "),
        ("last/weights.safetensors", "last/weights.safetensors: cannot be read"),
        ("best/weights.safetensors", "best/weights.safetensors: cannot be read"),
    ],
)
def test_a_finished_run_with_a_truncated_file_is_not_called_finished(
    name, message, typed, finished, tmp_path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    whole = (out / name).read_bytes()
    (out / name).write_bytes(whole[: len(whole) // 10])
    ran = typed("train", "--out", str(out), "--resume", "--compute", "cpu")
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_a_truncated_table_is_refused_and_written_again_from_the_state(
    typed, finished, tmp_path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    whole = (out / "results.csv").read_text()
    (out / "results.csv").write_text(whole[:-5])
    ran = typed("card", str(out))
    assert ran.code == 2
    assert f"`maenas train --resume --out {out}` writes it again" in ran.err
    assert typed("train", "--out", str(out), "--resume", "--compute", "cpu").code == 0
    assert (out / "results.csv").read_text() == whole


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("format: maenas/train@1\n", "args.yaml: data: must be a path, got None"),
        ("format: maenas/train@1\ndata: d\nrecipe: s\n", "recipe: must be a mapping, got 's'"),
        ("format: maenas/train@1\ndata: d\nrecipe: {epoch: 3}\n", "did you mean epochs?"),
        ("a: [\n", "args.yaml: not valid YAML"),
        (None, "args.yaml: no such file"),
    ],
)
def test_a_run_whose_options_are_damaged_is_not_continued(
    args: str | None, message: str, typed, finished, tmp_path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    (out / "args.yaml").unlink()
    if args is not None:
        (out / "args.yaml").write_text(args)
    ran = typed("train", "--out", str(out), "--resume", "--compute", "cpu")
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_without_images_to_validate_the_last_detector_is_all_there_is(
    typed, given, tmp_path
) -> None:
    path = write_data(tmp_path / "data", names=("cat", "cow"))
    path.write_text(path.read_text().replace("val: images\n", ""))
    words = options(given, tmp_path / "run", epochs=1)
    words[words.index("--data") + 1] = str(path)
    ran = typed(*words)
    assert ran.code == 0, ran.err
    assert "no val split" in ran.err
    assert "".join(ran.out.split()) == f"last:{tmp_path / 'run' / 'last'}"  # a terminal may wrap


@pytest.mark.parametrize(
    ("images", "batch", "remedy"),
    [
        (1, "2", "use at least 2 images for each process, or --input-size of at least 64"),
        (3, "1", "set compute.batch=2 or more, or --input-size of at least 64"),
    ],
)
def test_images_of_one_cell_one_at_a_time_are_refused_before_training(
    typed, given, tmp_path, images: int, batch: str, remedy: str
) -> None:
    data = write_data(tmp_path / "data", images, names=("cat", "cow"))
    words = options(given, tmp_path / "run", epochs=1)
    words[words.index("--data") + 1] = str(data)
    ran = typed(*words, "--input-size", "32", "--set", f"compute.batch={batch}")
    assert ran.code == 2
    assert ran.err.startswith("error: train: BatchNorm needs more than 1 value")
    assert remedy in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_images_of_one_cell_are_trained_on_to_the_last_batch(typed, given, tmp_path) -> None:
    data = write_data(tmp_path / "data", 3, names=("cat", "cow"))
    words = options(given, tmp_path / "run", epochs=1)
    words[words.index("--data") + 1] = str(data)
    ran = typed(*words, "--input-size", "32", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["skipped_steps"] == 0


def test_mistakes_are_one_line(typed, given, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = str(given / "data" / "data.yaml")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "a").touch()
    (tmp_path / "file").touch()
    for words, message in (
        (("train",), "needs a detector and --data"),
        (("train", "zoo:damo-yolo-ns"), "needs a detector and --data"),
        (("train", "--resume"), "runs/train/exp: there is no training to continue"),
        (("train", "--resume", "--out", "none"), "there is no training to continue"),
        (("train", str(given / "start"), "--data", "no.yaml"), "no.yaml: no such file"),
        ((*options(given, tmp_path / "x"), "--set", "epoch=2"), "did you mean epochs?"),
        ((*options(given, tmp_path / "x"), "--recipe", "xs"), "no scale 'xs'"),
        ((*options(given, tmp_path / "x"), "--recipe", "no.yaml"), "no.yaml: no such file"),
        (options(given, tmp_path / "used"), "is not empty"),
        (options(given, tmp_path / "file" / "run"), "cannot be created"),
        (("train", "gone", "--data", data), "gone"),
        (("train", "zoo:tinynas-res", "--data", data), "zoo"),
        ((*options(given, tmp_path / "x")[:-8], "--compute", "gpu"), "must be cpu, cuda:0 or auto"),
    ):
        ran = typed(*words)
        assert ran.code == 2, (words, ran.err)
        assert message in ran.err, ran.err
        assert ran.err.startswith("error: ")
        assert ran.err.count("\n") == 1


@pytest.mark.minutes
@pytest.mark.slow
def test_a_nano_detector_learns_eight_images_by_heart(typed, tmp_path) -> None:
    assert typed("data", "make-shapes", "--out", str(tmp_path / "d"), "--images", "8").code == 0
    path = tmp_path / "d" / "data.yaml"
    path.write_text(path.read_text().replace("val: images/val", "val: images/train"))
    ran = typed(
        *("train", "zoo:damo-yolo-ns", "--data", str(path), "--input-size", "256"),
        *("--epochs", "120", "--out", str(tmp_path / "run"), "--workers", "0", "--compute", "cpu"),
        *("--set", "augmentation.mosaic=0", "--set", "augmentation.sada=false"),
        *("--set", "augmentation.flip=0", "--json"),
    )
    assert ran.code == 0, ran.err
    assert ran.json["best_ap"] >= 0.95


@pytest.mark.slow
def test_each_split_is_read_once(given, typed, monkeypatch):
    """A data set of 200,000 images takes most of a minute to read."""
    reads = []
    read = YoloReader.read

    def counted(self, source, split):
        reads.append(split)
        return read(self, source, split)

    monkeypatch.setattr(YoloReader, "read", counted)
    typed(*options(given, Path("once"), epochs=1))
    assert reads == ["train", "val"]
    typed("train", "--resume", "--out", "once", "--compute", "cpu")
    assert reads == ["train", "val"]  # it has finished
    Path("once", "card.md").unlink()
    typed("train", "--resume", "--out", "once", "--compute", "cpu")
    assert reads == ["train", "val"] * 2
