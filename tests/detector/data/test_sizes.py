"""Sizes of images, remembered as long as they are true."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from maenas.detector.data import sizes
from maenas.detector.data.sizes import FORMAT, Sizes, size_of
from maenas.detector.media.images import ImageError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what is remembered, of this test's own; even one image is."""
    monkeypatch.setattr(sizes, "user_cache_path", lambda name: tmp_path / name)
    monkeypatch.setattr(sizes, "WORTH_KEEPING", 1)
    return tmp_path / "maenas" / "images"


def asked(image: Path) -> tuple[int, int]:
    with Sizes(image.parent, "train") as known:
        return known.of(image)


def test_a_size_is_remembered_until_the_image_changes(tmp_path, cache):
    image = tmp_path / "a.bmp"
    Image.new("RGB", (40, 20)).save(image)
    assert asked(image) == (20, 40)
    (file,) = cache.iterdir()
    stamp = image.stat().st_mtime_ns
    Image.new("RGB", (20, 40)).save(image)  # as many bytes
    os.utime(image, ns=(stamp, stamp))
    assert asked(image) == (20, 40)  # so it was not looked at again
    os.utime(image, ns=(stamp, stamp + 1))
    assert asked(image) == (40, 20)
    file.write_text("damaged")
    assert asked(image) == (40, 20)


@pytest.mark.parametrize("version", [None, "maenas/image-sizes@1"])
def test_a_size_of_an_earlier_version_is_not_trusted(tmp_path, cache, version):
    image = tmp_path / "a.png"
    Image.new("RGB", (40, 20)).save(image)
    asked(image)
    (file,) = cache.iterdir()
    state = image.stat()
    old = {str(image): [state.st_mtime_ns, state.st_size, 40, 20]}  # an orientation was overlooked
    file.write_text(json.dumps({"format": version, "sizes": old} if version else old))
    assert asked(image) == (20, 40)
    assert json.loads(file.read_text())["format"] == FORMAT


@pytest.mark.parametrize(
    "content", ["[]", f'{{"format": "{FORMAT}"}}', f'{{"format": "{FORMAT}", "sizes": [1]}}']
)
def test_a_malformed_cache_is_written_again(tmp_path, cache, content):
    image = tmp_path / "a.png"
    Image.new("RGB", (40, 20)).save(image)
    asked(image)
    (file,) = cache.iterdir()
    file.write_text(content)
    assert asked(image) == (20, 40)
    assert str(image) in json.loads(file.read_text())["sizes"]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, cache):
    (tmp_path / "maenas").write_text("a file in the way")
    image = tmp_path / "a.png"
    Image.new("RGB", (30, 20)).save(image)
    assert asked(image) == (20, 30)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_sizes_are_upright(tmp_path, suffix, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    image = tmp_path / f"a.{suffix}"
    Image.new("RGB", (30, 20)).save(image, exif=exif)
    assert size_of(image) == ((30, 20) if turn > 4 else (20, 30))


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"gone\.png: cannot be read"):
        asked(tmp_path / "gone.png")
