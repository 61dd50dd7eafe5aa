"""`maenas detect`: images and videos in, drawings and lists out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

from maenas import Detector
from maenas.blocks import MaenasError
from maenas.cli.detection.detect import detect
from maenas.detection.inference import infer
from maenas.detection.predictor import ImageSource
from maenas.detector.checkpoints.checkpoint import build_network, save_folder
from maenas.detector.export.export import export_detector
from maenas.detector.export.options import ExportOptions
from maenas.detector.media.images import read_image
from maenas.detector.media.label_text import class_colour
from maenas.detector.media.sources import find_media
from maenas.detector.media.videos import VideoWriter, open_video
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.predict.predict import Seconds
from maenas.detector.predict.results import Objects
from maenas.terminal.log import printed
from tests.schemas import errors_in
from tests.small_detector import NAMES, SIDE, constant_weights, small_folder, small_spec

DOG = class_colour(1)


@dataclass(frozen=True)
class Ran:
    """What the command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


class SlowStart(Detector):
    """A detector whose first call takes 5.5 s, by what it reports."""

    calls = 0

    def predict_batch(
        self, images: Sequence[ImageSource], thresholds: Thresholds | None = None
    ) -> tuple[list[Objects], Seconds]:
        found, _ = super().predict_batch(images, thresholds)
        self.calls += 1
        return found, Seconds(0.001, 0.01, 5.5 if self.calls == 1 else 0.002)


def test_the_time_of_an_image_does_not_include_what_is_loaded_once(tmp_path: Path) -> None:
    small_folder(tmp_path / "model")
    Image.new("RGB", (40, 30)).save(tmp_path / "one.png")
    sources = find_media([str(tmp_path / "one.png")])
    inference = infer(sources, SlowStart(tmp_path / "model"), Thresholds())
    assert inference.looked == 1
    assert inference.seconds["after"] == [0.002]


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in an empty folder but for the detector `model`, as the terminal would."""
    monkeypatch.chdir(tmp_path)
    small_folder(tmp_path / "model")
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(detect)

    def type_it(*arguments: object, model: str = "model") -> Ran:
        code: object = 0
        try:
            with printed():
                app([model, *map(str, arguments), "--threads", "1"], standalone_mode=False)
        except MaenasError as error:
            print(f"error: {error}", file=sys.stderr)
            code = error.exit_code
        except SystemExit as stopped:
            code = stopped.code
        captured = capsys.readouterr()
        assert isinstance(code, int)
        return Ran(code, captured.out, captured.err)

    return type_it


def test_a_folder_is_drawn_as_it_lies(run: Run) -> None:
    image("pics/a.jpg")
    image("pics/deep/b.png")
    image("pics/c.gif")
    ran = run("pics")
    assert ran.code == 0
    written = sorted(path.as_posix() for path in Path("runs").rglob("*.*"))
    assert written == [f"runs/detect/exp/{name}" for name in ("a.jpg", "c.gif.png", "deep/b.png")]
    drawn = read_image(Path("runs/detect/exp/deep/b.png"))
    assert drawn.shape == (256, 512, 3)  # enlarged, so that texts can be read
    # two dogs, each filling a half: see tests/small_detector.py
    for x in (0, 254, 257, 511):
        assert tuple(drawn[200, x]) == DOG
    assert ran.out.startswith("3 images, 6 objects: dog 6\n")
    assert "written: runs/detect/exp" in ran.out
    assert "pre-processing" in ran.out
    assert "post-processing" in ran.out
    assert "detect: 3/3 images" in ran.err


def test_a_second_run_takes_a_folder_of_its_own(run: Run) -> None:
    image("a.jpg")
    assert [run("a.jpg").code for _ in range(2)] == [0, 0]
    assert sorted(path.name for path in Path("runs/detect").iterdir()) == ["exp", "exp2"]
    ran = run("a.jpg", "--out", "runs/detect/exp")
    assert ran.code == 2
    assert "exp: is not empty; --exist-ok" in ran.err
    assert run("a.jpg", "--out", "runs/detect/exp", "--exist-ok").code == 0


def test_two_images_of_one_name_become_two_files(run: Run) -> None:
    image("a/1.png")
    image("b/1.png")
    assert run("a/1.png", "b/1.png", "--out", "out").code == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["1-2.png", "1.png"]


def test_a_bad_image_is_passed_over_and_named(run: Run) -> None:
    for name in ("a", "c"):
        image(f"pics/{name}.jpg")
    Path("pics/b.jpg").write_bytes(b"")
    ran = run("pics")
    assert ran.code == 0
    assert "2 images, 4 objects" in ran.out
    assert "1 file skipped: b.jpg" in ran.out
    assert "skipped: pics/b.jpg: is empty." in ran.err
    assert "detect: 2/2 images" in ran.err


def test_bad_images_alone_are_an_error(run: Run) -> None:
    Path("a.jpg").write_bytes(b"")
    Path("b.jpg").write_bytes(b"no image")
    ran = run("a.jpg", "b.jpg")
    assert ran.code == 2
    assert ran.out == ""
    assert "error: none of the 2 files could be read" in ran.err
    assert not Path("runs/detect/exp").exists()
    ran = run("a.jpg")
    assert ran.code == 2
    assert ran.err.splitlines()[-1] == "error: a.jpg: is empty."


def test_json_holds_every_object(run: Run) -> None:
    image("a.jpg")
    ran = run("a.jpg", "--json", "--no-draw")
    result = ran.json
    assert result["schema"] == "maenas/detect@1"
    assert result["objects"] == {"dog": 2}
    assert result["trained"]
    assert result["folder"] is None
    assert set(result["median_ms"]) == {"read", "before", "network", "after"}
    (seen,) = result["images"]
    assert (seen["file"], seen["width"], seen["height"]) == ("a.jpg", 256, 128)
    assert sorted(each["box"] for each in seen["objects"]) == [
        [0, 0, 128, 128],
        [128, 0, 256, 128],
    ]
    assert {(each["class"], each["name"], each["score"]) for each in seen["objects"]} == {
        (1, "dog", 0.9)
    }
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("options", "objects"),
    [
        ((), {"dog": 2}),
        (("--all-labels",), {"dog": 2, "cat": 2}),
        (("--coco",), {"dog": 2, "cat": 2}),
    ],
)
def test_an_object_has_one_class_unless_every_class_is_wanted(
    run: Run, options: tuple[str, ...], objects: dict[str, int]
) -> None:
    spec = small_spec()
    weights = constant_weights(spec)
    weights["head.scores.2.0.bias"][NAMES.index("cat")] = 0.5  # 0.62 beside 0.9 for a dog
    save_folder(Path("both"), spec, weights)
    image("a.jpg")
    found = run("a.jpg", "--json", "--no-draw", *options, model="both").json
    assert found["objects"] == objects


def test_results_are_written_as_json_and_for_coco(run: Run) -> None:
    image("000000000139.jpg")
    assert run("000000000139.jpg", "--save-json", "--coco", "--no-draw", "--out", "out").code == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["coco.json", "results.json"]
    rows = json.loads(Path("out/coco.json").read_text())
    assert sorted((row["image_id"], row["category_id"], *row["bbox"]) for row in rows) == [
        (139, 2, 0, 0, 128, 128),
        (139, 2, 128, 0, 128, 128),
    ]
    result = json.loads(Path("out/results.json").read_text())
    assert result["images"][0]["image_id"] == 139


def test_coco_results_take_the_ids_of_a_data_set(run: Run) -> None:
    image("a.jpg")
    categories = [{"id": 10 * i, "name": name} for i, name in enumerate(("bird", "cat", "dog"))]
    truth = {"images": [{"id": 77, "file_name": "a.jpg"}], "categories": categories}
    Path("truth.json").write_text(json.dumps(truth))
    assert run("a.jpg", "--annotations", "truth.json", "--no-draw", "--out", "out").code == 0
    rows = json.loads(Path("out/coco.json").read_text())
    assert {(row["image_id"], row["category_id"]) for row in rows} == {(77, 20)}
    image("b.jpg")
    ran = run("a.jpg", "b.jpg", "--annotations", "truth.json")
    assert ran.code == 2
    assert "b.jpg: the annotation file has no such image" in ran.err
    assert not Path("runs").exists()  # found out before any work


@pytest.mark.parametrize("batch", [1, 4])
def test_videos_are_drawn_frame_by_frame(run: Run, batch: int) -> None:
    film("film.mp4", frames=6)
    image("a.png")
    ran = run("film.mp4", "a.png", "--batch", batch, "--json", "--out", "out")
    assert ran.code == 0
    assert [seen.get("frame") for seen in ran.json["images"]] == [0, 1, 2, 3, 4, 5, None]
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "film.mp4"]
    with open_video(Path("out/film.mp4")) as video:
        frames = list(video.frames)
        assert video.rate == Fraction(10)
    assert [frame.shape for frame in frames] == [(128, 256, 3)] * 6
    assert abs(frames[-1][100, 128].astype(int) - DOG).max() < 60  # videos blur colours


def test_a_damaged_video_is_passed_over(run: Run) -> None:
    Path("film.mp4").write_bytes(b"no video")
    image("a.png")
    ran = run("film.mp4", "a.png")
    assert ran.code == 0
    assert "skipped: film.mp4: cannot be read as a video: Invalid data" in ran.err


def test_batches_change_nothing_that_is_found(run: Run) -> None:
    for index in range(5):
        image(f"pics/{index}.png", size=(100 + 10 * index, 90))
    one, three = (run("pics", "--json", "--no-draw", "--batch", n).json for n in (1, 3))
    assert one["images"] == three["images"]


@pytest.mark.parametrize("suffix", ["onnx", "xml"])
def test_an_exported_detector_finds_the_same(run: Run, suffix: str) -> None:
    spec = small_spec()
    network = build_network(spec, constant_weights(spec))
    options = ExportOptions(format="onnx" if suffix == "onnx" else "openvino")
    sample = np.full((1, 3, SIDE, SIDE), 90, dtype=np.float32)
    export_detector(spec, network, Path(f"small.{suffix}"), options, sample)
    image("a.png")
    image("b.png", size=(90, 120))
    ours = run("a.png", "b.png", "--json", "--no-draw").json
    theirs = run("a.png", "b.png", "--json", "--no-draw", model=f"small.{suffix}").json
    assert theirs["images"] == ours["images"]
    assert theirs["runtime"].startswith("ONNX Runtime" if suffix == "onnx" else "OpenVINO")
    with pytest.raises(MaenasError, match="holds its weights; none can be loaded into it"):
        Detector(f"small.{suffix}", threads=1).load("model")


def test_nothing_found_is_said_with_what_to_try(run: Run) -> None:
    image("a.jpg")
    ran = run("a.jpg", "--min-score", "0.95")
    assert ran.code == 0
    assert "1 image, 0 objects\n" in ran.out
    assert "no detection has a confidence above 0.95; --min-score 0.05 shows weaker ones" in ran.out


def test_a_detector_without_weights_is_told(run: Run) -> None:
    save_folder(Path("model"), small_spec(), None)
    Path("model/weights.safetensors").unlink()
    image("a.jpg")
    ran = run("a.jpg", "--json")
    assert ran.code == 0
    assert ran.json["trained"] is False
    assert "warning: model has no trained weights" in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("empty",), "error: empty: holds no image or video"),
        (("missing.jpg",), "error: missing.jpg: no such file or folder"),
        (("a.jpg", "--batch", "0"), "error: batch: must be at least 1, got 0"),
        (("a.jpg", "--min-score", "2"), "error: min_score: must be in 0..1, got 2.0"),
        (("a.jpg", "--annotations", "none.json"), "error: none.json: no such file"),
    ],
)
def test_what_cannot_be_is_one_line(run: Run, arguments: tuple[str, ...], message: str) -> None:
    Path("empty").mkdir()
    image("a.jpg")
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith(message)
    assert ran.err.count("\n") == 1
    assert not Path("runs").exists()


def image(name: str, size: tuple[int, int] = (256, 128)) -> None:
    """A grey image of (width, height), its folder made."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 90, 90)).save(name)


def film(name: str, frames: int) -> None:
    """A grey video at 10 frames a second."""
    with VideoWriter(Path(name), Fraction(10)) as writer:
        for level in range(frames):
            writer.write(np.full((128, 256, 3), 80 + level, dtype=np.uint8))


def test_a_stream_ends_with_its_results_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera that goes on for ever: --most ends it, and so does Ctrl-C."""

    class Camera:
        count = 0

        def __init__(self, number: int) -> None:
            assert number == 1

        def isOpened(self) -> bool:
            return True

        def get(self, what: int) -> float:
            return 10.0

        def read(self) -> tuple[bool, Any]:
            return True, np.zeros((SIDE, SIDE, 3), np.uint8)

        def release(self) -> None:
            return None

    fake = SimpleNamespace(VideoCapture=Camera, CAP_PROP_FPS=5)
    monkeypatch.setitem(sys.modules, "cv2", fake)
    ran = run("webcam:1", "--most", "3", "--save-json")
    assert (ran.code, ran.out.startswith("3 images, ")) == (0, True)
    data = json.loads(Path("runs/detect/exp/results.json").read_text())
    assert [(each["file"], each["frame"]) for each in data["images"]] == [
        ("webcam:1", number) for number in range(3)
    ]
    assert errors_in("detect-result", data) == []
    assert Path("runs/detect/exp/webcam-1.mp4").stat().st_size > 0
    looks = iter(range(3))

    def interrupt(frame: Any, *rest: Any) -> Any:
        if next(looks, None) is None:
            raise KeyboardInterrupt
        return frame

    monkeypatch.setattr("maenas.detection.inference.draw", interrupt)
    stopped = run("1", "--save-json")
    assert "interrupted; the detections so far are kept" in stopped.err
    kept = json.loads(Path("runs/detect/exp2/results.json").read_text())
    assert (kept["interrupted"], len(kept["images"])) == (True, 3)
