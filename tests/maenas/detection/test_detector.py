"""The Python API: `from maenas import Detector`."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

import maenas
from maenas import Detector
from maenas.blocks import MaenasError, SpecError
from maenas.detector import ZeroHead
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.model.spec import dump_detector
from tests.small_detector import NAMES, SCORE, constant_weights, small_folder, small_spec

WIDE = np.zeros((128, 256, 3), dtype=np.uint8)
# 128 x 256 shrinks to 32 x 64: the upper two cells of 32 x 32, four times as large on the image.
# The lower two lie on the fill.
LETTERBOXED = [[0, 0, 128, 128], [128, 0, 256, 128]]
# 128 x 256 becomes 64 x 64: four cells, four times as wide and twice as high
STRETCHED = [[0, 0, 128, 64], [128, 0, 256, 64], [0, 64, 128, 128], [128, 64, 256, 128]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_folder(tmp_path_factory.mktemp("api") / "detector")


@pytest.fixture(scope="module")
def detector(folder: Path) -> Detector:
    return Detector(folder, threads=1)


def test_objects_have_boxes_on_the_image_scores_and_names(detector: Detector) -> None:
    found = detector.predict(WIDE)
    assert detector.trained
    assert detector.names == NAMES
    assert detector.in_shape == (3, 64, 64)
    assert found.size == (128, 256)
    assert found.labels == ("dog", "dog")
    assert found.classes.tolist() == [1, 1]
    np.testing.assert_allclose(found.scores, SCORE, rtol=1e-5)
    np.testing.assert_allclose(sorted(found.boxes.tolist()), LETTERBOXED, atol=1e-3)


def test_a_detector_that_stretches_finds_them_elsewhere(tmp_path: Path) -> None:
    found = Detector(small_folder(tmp_path / "detector", "stretch")).predict(WIDE)
    np.testing.assert_allclose(sorted(found.boxes.tolist()), sorted(STRETCHED), atol=1e-3)


def test_an_image_may_come_in_any_form(detector: Detector, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(WIDE).save(path)
    opened = (Image.fromarray(WIDE), Image.new("L", (256, 128)))
    images = (path, str(path), *opened, WIDE[:, ::-1], WIDE[..., 0], WIDE[..., :1])
    for image in images:
        found = detector.predict(image)
        np.testing.assert_allclose(sorted(found.boxes.tolist()), LETTERBOXED, atol=1e-3)


def test_boxes_are_on_the_upright_image(detector: Detector, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    path = tmp_path / "a.jpg"
    Image.new("RGB", (128, 256)).save(path, exif=exif)
    assert detector.predict(path).size == (128, 256)


def test_thresholds_decide_what_is_found(detector: Detector) -> None:
    assert len(detector.predict(WIDE, min_score=0.95)) == 0
    assert len(detector.predict(WIDE, max_detections=1)) == 1
    for name, value in (("min_score", 1.5), ("max_iou", -0.1), ("max_detections", 0)):
        with pytest.raises(SpecError, match=f"{name}: must be .*, got {value}"):
            detector.predict(WIDE, **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (WIDE[..., :2], r"must be .*, RGB, or .*, grey, in uint8, got \(128, 256, 2\) of uint8"),
        (WIDE.astype(float), "got .* of float64"),
        (WIDE[:0], r"got \(0, 256, 3\)"),
        (3, "must be a path, a Pillow image or an array, got int"),
        ("none.jpg", "none.jpg: no such file"),
    ],
    ids=["two channels", "float", "empty", "number", "missing"],
)
def test_what_is_no_image_is_refused(detector: Detector, image: object, message: str) -> None:
    with pytest.raises(MaenasError, match=message):
        detector.predict(image)  # type: ignore[arg-type]


def test_weights_are_loaded_from_a_file_and_from_a_folder(folder: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    save_folder(bare, small_spec("stretch", names=()), None)
    for weights in (folder / "weights.safetensors", folder):
        detector = Detector(bare)
        assert not detector.trained
        assert detector.load(weights) is detector
        assert detector.trained
        boxes = STRETCHED if weights.is_file() else LETTERBOXED  # a folder says how to resize
        found = detector.predict(WIDE)
        np.testing.assert_allclose(sorted(found.boxes.tolist()), sorted(boxes), atol=1e-3)
        assert set(found.labels) == ({"1"} if weights.is_file() else {"dog"})


def test_a_detector_says_what_it_is_and_images_run_together(folder: Path) -> None:
    detector = Detector(folder)
    assert repr(detector) == f"Detector({str(folder)!r}, 64x64, 3 classes)"
    found, _ = detector.predict_batch([WIDE, Image.fromarray(WIDE)])
    assert [each.labels for each in found] == [("dog", "dog")] * 2
    assert detector.predict_batch([WIDE], maenas.Thresholds(min_score=0.95))[0][0].labels == ()
    assert maenas.MaenasError is MaenasError


def test_official_weights_are_sent_to_their_converter(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "official.pth").write_bytes(b"PK" * 100)
    with pytest.raises(SpecError, match="`maenas import-weights` converts official checkpoints"):
        Detector(folder).load(tmp_path / "official.pth")


def test_a_detector_without_weights_says_so(tmp_path: Path) -> None:
    dump_detector(small_spec(), tmp_path / "detector.yaml")
    with pytest.warns(UserWarning, match=r"detector\.yaml has no trained weights"):
        Detector(tmp_path / "detector.yaml").predict(WIDE)


def test_weights_of_another_detector_are_refused(folder: Path, tmp_path: Path) -> None:
    other = replace(small_spec(names=()), head=ZeroHead(num_classes=2, reg_max=4))
    save_folder(tmp_path / "other", other, other.build().state_dict())
    with pytest.raises(SpecError, match=r"other: has 2 classes, .* 3; open it by itself"):
        Detector(folder).load(tmp_path / "other")
    with pytest.raises(SpecError, match=r"head\.scores\.0\.0\.weight is \[2, .*detector has \[3,"):
        Detector(folder).load(tmp_path / "other" / "weights.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    with pytest.raises(SpecError, match=r"torn\.safetensors: cannot be read as safetensors"):
        Detector(folder).load(tmp_path / "torn.safetensors")
    save_folder(tmp_path / "bare", small_spec(), None)
    with pytest.raises(MaenasError, match=r"bare: has no weights\.safetensors"):
        Detector(folder).load(tmp_path / "bare")


def test_published_detectors_are_there_by_name(tmp_path: Path) -> None:
    detector = Detector("zoo:damo-yolo-ns")
    assert detector.in_shape == (3, 416, 416)
    assert not detector.trained
    assert detector.spec is not None
    save_file(detector.spec.build().state_dict(), tmp_path / "weights.safetensors")
    assert detector.load(tmp_path / "weights.safetensors").trained is None  # does not say


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("zoo:damo-yolo-x", r"zoo: .*damo-yolo-x.*"),
        ("zoo:mae-det-s", "zoo:mae-det-s: is a backbone without neck and head"),
        ("nowhere", "nowhere: no such file or folder; expected a detector folder"),
    ],
)
def test_what_is_no_model_is_refused(model: str, message: str) -> None:
    with pytest.raises(MaenasError, match=message):
        Detector(model)


def test_options_that_cannot_be_are_refused(folder: Path) -> None:
    with pytest.raises(MaenasError, match="threads: must be at least 1, got 0"):
        Detector(folder, threads=0)
    with pytest.raises(MaenasError, match="precision: torch computes in f32, got 'int8'"):
        Detector(folder, precision="int8")


def test_importing_maenas_does_not_bring_torch() -> None:
    code = "import sys, maenas; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_maenas_has_nothing_else() -> None:
    assert maenas.Detector is Detector
    with pytest.raises(AttributeError, match="has no attribute 'Detektor'"):
        maenas.Detektor  # noqa: B018


def test_constant_weights_fit_the_small_detector() -> None:
    spec = small_spec()
    spec.build().load_state_dict(constant_weights(spec))
