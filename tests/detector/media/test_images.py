"""Images of every kind, and those that are none."""

from __future__ import annotations

import io
import os
import random
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maenas.detector.media.images import (
    ImageError,
    Pixels,
    check_image,
    find_sources,
    read_image,
    to_pixels,
)

UPRIGHT = np.array([[[200, 10, 20], [30, 180, 40], [50, 60, 160]]], dtype=np.uint8)  # 1 x 3
RED, WHITE = [255, 0, 0], [255, 255, 255]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "ppm"])
def test_images_are_read_as_rgb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(UPRIGHT).save(path, **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(read_image(path), UPRIGHT)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright(tmp_path: Path, orientation: int) -> None:
    """The eight orientations of EXIF, each stored as the camera held it."""
    stored = {
        1: UPRIGHT,
        2: UPRIGHT[:, ::-1],
        3: UPRIGHT[::-1, ::-1],
        4: UPRIGHT[::-1],
        5: UPRIGHT.transpose(1, 0, 2),
        6: np.rot90(UPRIGHT, 1),  # shown turned right, so stored turned left
        7: UPRIGHT[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(UPRIGHT, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    np.testing.assert_array_equal(read_image(path), UPRIGHT)


def test_sixteen_bits_lose_the_lower_eight(tmp_path: Path) -> None:
    grey = np.array([[0, 255, 256, 40_000, 65_535]], dtype=np.uint16)
    for suffix in ("png", "tiff"):
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(grey).save(path)
        assert read_image(path)[0].tolist() == [[v] * 3 for v in (0, 0, 1, 156, 255)]


def test_printed_colours_become_rgb(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(path)  # no cyan, all magenta and yellow
    np.testing.assert_allclose(read_image(path)[0, 0], RED, atol=3)


def test_grey_and_two_colours_become_rgb(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (2, 2), 77).save(path)
    assert read_image(path)[0, 0].tolist() == [77] * 3
    Image.new("1", (2, 2), 1).save(path)
    assert read_image(path)[0, 0].tolist() == WHITE


def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    layered = Image.new("RGBA", (3, 1))
    layered.putdata([(255, 0, 0, 255), (255, 0, 0, 0), (255, 0, 0, 128)])
    path = tmp_path / "a.png"
    layered.save(path)
    opaque, hidden, half = read_image(path)[0].tolist()
    assert (opaque, hidden) == (RED, WHITE)
    assert half == pytest.approx([255, 127, 127], abs=1)
    drawn = layered.quantize(4)  # a palette with a transparent colour
    drawn.save(path)
    assert read_image(path)[0].tolist()[:2] == [RED, WHITE]


def test_of_moving_images_the_first_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    Image.new("RGB", (4, 4), "red").save(
        path, save_all=True, append_images=[Image.new("RGB", (4, 4), "blue")]
    )
    assert read_image(path)[0, 0].tolist() == RED


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a\.jpg: is empty"),
        (b"a,b,c\n1,2,3\n", r"a\.jpg: is not an image"),
        (b"P6 0 5 255\n", r"a\.jpg: (is not an image|cannot be read|has no pixels)"),
    ],
    ids=["empty", "text", "no width"],
)
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=message):
        read_image(path)


def test_a_cut_off_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG")[:-2000])
    with pytest.raises(ImageError, match=r"a\.png: cannot be read: .*truncated"):
        read_image(path)
    with pytest.raises(ImageError, match=r"b\.png: no such file"):
        read_image(tmp_path / "b.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "PPM"])
def test_a_damaged_image_is_read_or_named(tmp_path: Path, kind: str) -> None:
    """Changed bytes end in pixels or in `ImageError`, half a file always in an error."""
    rng, path, intact = random.Random(0), tmp_path / "a", encoded(kind)
    for _ in range(30):
        damaged = bytearray(intact)
        for _ in range(rng.randint(1, 6)):
            damaged[rng.randrange(min(400, len(damaged)))] = rng.randrange(256)
        path.write_bytes(damaged)
        with suppress(ImageError):
            assert read_image(path).shape[2] == 3
        path.write_bytes(damaged[: rng.randint(8, len(intact) // 2)])
        with pytest.raises(ImageError) as error:
            read_image(path)
        assert str(error.value).startswith(f"{path}: ")


def test_images_of_floats_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    Image.new("F", (2, 2), 0.5).save(path)
    with pytest.raises(ImageError, match=r"a\.tiff: holds 32-bit floats"):
        read_image(path)


def test_images_without_pixels_are_refused() -> None:
    with pytest.raises(ImageError, match=r"image: has no pixels \(0x5\)"):
        to_pixels(Image.new("RGB", (0, 5)))


def test_a_folder_is_searched_with_those_in_it(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/2.PNG", "a/1.jpeg", "a/film.mp4", "notes.txt", ".hidden/x.jpg"):
        touch(tmp_path / name)
    touch(tmp_path / "._b.jpg")  # beside every image on a foreign disk
    found = find_sources([str(tmp_path)])
    assert [source.name.as_posix() for source in found] == [
        "a/1.jpeg",
        "a/2.PNG",
        "a/film.mp4",
        "b.jpg",
    ]
    assert [source.is_video for source in found] == [False, False, True, False]


def test_files_and_patterns_keep_the_order_named_and_come_once(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.jpg", "a.txt", "c/d.png"):
        touch(tmp_path / name)
    named = [str(tmp_path / "b.jpg"), str(tmp_path / "*"), str(tmp_path / "**" / "*.png")]
    assert [source.name.as_posix() for source in find_sources(named)] == [
        "b.jpg",
        "a.jpg",
        "d.png",
    ]


def test_a_file_named_outright_needs_no_suffix(tmp_path: Path) -> None:
    touch(tmp_path / "image")
    assert [source.path for source in find_sources([str(tmp_path / "image")])] == [
        tmp_path / "image"
    ]


def test_brackets_in_a_name_are_no_pattern(tmp_path: Path) -> None:
    touch(tmp_path / "a[1].jpg")
    assert len(find_sources([str(tmp_path / "a[1].jpg")])) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty", "empty: holds no image or video"),
        ("missing", "missing: no such file or folder"),
        ("z" * 300, "zzz: no such file or folder"),
        ("*.jpg", r"\*\.jpg: matches no image or video"),
    ],
)
def test_nothing_to_look_at_is_an_error(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match=message):
        find_sources([str(tmp_path / name)])


def touch(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")


def encoded(kind: str) -> bytes:
    """An image of noise as a file."""
    pixels: Pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("orientation", "least", "expected"),
    [
        (1, (100, 61), (200, 120)),  # whole: a half would be too narrow
        (1, (50, 40), (100, 60)),  # a half: a quarter would be too narrow
        (1, (50, 30), (50, 30)),
        (6, (60, 100), (60, 100)),  # stored lying, so its upright sides are exchanged
    ],
)
def test_a_jpeg_is_read_no_smaller_than_asked(tmp_path, orientation, least, expected) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    Image.new("RGB", (120, 200), (200, 40, 90)).save(path, exif=exif)
    size = (200, 120) if orientation == 1 else (120, 200)
    pixels = read_image(path, size, least)
    assert pixels.shape[:2] == expected
    assert np.abs(pixels.astype(int) - (200, 40, 90)).max() <= 3


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_an_image_of_too_many_pixels_is_refused_with_the_way_to_raise_the_limit(
    tmp_path, monkeypatch, suffix
):
    path = tmp_path / f"large{suffix}"
    Image.new("RGB", (300, 200)).save(path)
    monkeypatch.setenv("MAENAS_MAX_PIXELS", "59999")
    with pytest.raises(ImageError, match=r"has 300x200 pixels, .*set MAENAS_MAX_PIXELS="):
        read_image(path)
    monkeypatch.setenv("MAENAS_MAX_PIXELS", "60000")
    assert read_image(path).shape == (200, 300, 3)
    monkeypatch.setenv("MAENAS_MAX_PIXELS", "many")
    with pytest.raises(ImageError, match="MAENAS_MAX_PIXELS: must be a number of pixels"):
        read_image(path)


def test_a_large_jpeg_that_is_read_small_is_no_obstacle(tmp_path, monkeypatch):
    path = tmp_path / "large.jpg"
    Image.new("RGB", (800, 800)).save(path)
    monkeypatch.setenv("MAENAS_MAX_PIXELS", str(200 * 200))
    assert read_image(path, least=(100, 100)).shape == (100, 100, 3)


def test_a_pipe_is_not_waited_for(tmp_path):
    path = tmp_path / "pipe.jpg"
    os.mkfifo(path)
    with pytest.raises(ImageError, match="is a pipe or a device"):
        read_image(path)


def test_what_pillow_lacks_is_named(tmp_path):
    path = tmp_path / "photo.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(ImageError, match=r"is \.heic, which cannot be read; convert it"):
        read_image(path)


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".tga", ".dib"])
def test_other_suffixes_of_what_pillow_reads_are_found(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    Image.new("RGB", (3, 2)).save(path)
    assert [source.path for source in find_sources([str(tmp_path)])] == [path]
    assert read_image(path).shape == (2, 3, 3)


def test_checking_finds_an_image_that_is_cut_off(tmp_path):
    path = tmp_path / "x.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    check_image(path, (64, 64))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ImageError, match="cannot be read"):
        check_image(path, (64, 64))
