"""Files of any name go through train, val and detect; nothing raw reaches the terminal."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.maenas.conftest import Ran, Shell
from tests.small_detector import small_folder
from tests.trainings import write_data

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="other file systems refuse names that are not UTF-8"
)
NOT_UTF8 = os.fsdecode(b"caf\xe9")
NAMES = (NOT_UTF8, "\x1b[31mred", "a\nerror: forged", "tab\there", "\u202ertl", "日本 x'\"")
SETTINGS = (
    *("--epochs", 1, "--compute", "cpu", "--workers", 0),
    *("--set", "batch=2", "--set", "min_steps=1"),
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set whose images have such names, one of them damaged, and a detector beside it."""
    file = write_data(tmp_path / "set", images=len(NAMES) + 2)
    for number, name in enumerate(NAMES):
        for folder, suffix in (("images", ".png"), ("labels", ".txt")):
            path = file.parent / folder / f"{number}{suffix}"
            path.rename(path.with_name(f"{name}{suffix}"))
    (file.parent / "images" / f"{NOT_UTF8}-damaged\x1b[0m.png").write_bytes(b"no image")
    small_folder(tmp_path / "detector", resize="stretch")
    return file


def require_printable(ran: Ran) -> None:
    """Raise unless the command ended well and all that it printed is printable text."""
    assert ran.code == 0, ran.err
    for line in (ran.out + ran.err).splitlines():
        assert line.isprintable(), line
        assert not line.startswith("error")


@pytest.mark.slow
def test_a_training_reads_files_of_any_name(typed: Shell, data: Path) -> None:
    ran = typed("train", "detector", "--data", data, *SETTINGS, "--out", "run", "--json")
    require_printable(ran)
    assert ran.json["epochs"] == 1
    assert r"\udce9-damaged\x1b[0m.png: is not an image" in ran.err
    again = typed("train", "--resume", "--out", "run", "--set", "epochs=1", "--compute", "cpu")
    require_printable(again)


@pytest.mark.slow
def test_an_evaluation_names_files_of_any_name(typed: Shell, data: Path) -> None:
    ran = typed("val", "detector", "--data", data, "--out", "val", "--json")
    require_printable(ran)
    assert ran.json["images"] == len(NAMES) + 2
    found = [path for path in Path("val").rglob("*") if path.suffix == ".json"]
    for path in found:
        json.loads(path.read_bytes())


def test_detections_of_files_of_any_name_are_json(typed: Shell, data: Path) -> None:
    images = data.parent / "images"
    options = ("--save-json", "--coco", "--draw", "--min-score", 0.0, "--out", "found")
    ran = typed("detect", "detector", images, *options, "--json")
    require_printable(ran)
    told = json.loads(Path("found/results.json").read_bytes())
    assert len(told["images"]) == len(NAMES) + 2
    drawn = {path.name for path in Path("found").iterdir() if path.suffix == ".png"}
    assert {f"{name}.png" for name in NAMES} <= drawn
    assert isinstance(json.loads(Path("found/coco.json").read_bytes()), list)


def test_a_class_whose_name_cannot_be_printed_is_refused_in_one_printable_line(
    typed: Shell, data: Path
) -> None:
    spec = Path("detector/detector.yaml")
    text = spec.read_text()
    first = text.index("names: [") + len("names: [")
    spec.write_text(
        text[:first] + '"\\e[31m\\nerror: forged", ' + text[text.index(",", first) + 2 :]
    )
    Image.new("RGB", (64, 64)).save("plain.png")
    ran = typed("detect", "detector", "plain.png", "--min-score", 0.0, "--save-json")
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert line.isprintable()
    assert r"names[0]: holds a character that cannot be printed: '\x1b[31m\nerror: forged'" in line
