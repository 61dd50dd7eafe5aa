"""Videos in and out."""

from __future__ import annotations

import os
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from maenas.detector.media.images import ImageError, Pixels
from maenas.detector.media.videos import VideoWriter, open_video

NTSC = Fraction(30_000, 1001)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    frames = [plain(64, 96, level) for level in (40, 120, 200)]
    path = written(tmp_path, frames)
    with open_video(path) as video:
        assert (video.count, video.rate) == (3, NTSC)
        for frame, expected in zip(video.frames, frames, strict=True):
            np.testing.assert_allclose(frame, expected, atol=4)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(ImageError, match="is a pipe or a device"):
        open_video(tmp_path / "pipe.mp4").__enter__()


def test_odd_sides_grow_by_one(tmp_path: Path) -> None:
    with open_video(written(tmp_path, [plain(31, 45, 99)])) as video:
        assert [frame.shape for frame in video.frames] == [(32, 46, 3)]


def test_colours_keep_their_order(tmp_path: Path) -> None:
    red = np.zeros((64, 64, 3), dtype=np.uint8)
    red[..., 0] = 250
    with open_video(written(tmp_path, [red])) as video:
        red_level, green, blue = next(video.frames).mean(axis=(0, 1))
    assert red_level > 200
    assert green < 40
    assert blue < 40


def test_frames_are_turned_upright(tmp_path: Path) -> None:
    """As a phone stores a film taken upright: lying, with a matrix that turns it."""
    stored = plain(64, 96, 30)
    stored[:32, :32] = 220  # top left
    path = written(tmp_path, [stored])
    one, two = (number.to_bytes(4, "big") for number in (0x10000, 0x40000000))  # 1 in 16.16, 2.30
    minus, none = (-0x10000).to_bytes(4, "big", signed=True), bytes(4)
    as_it_lies = one + 3 * none + one + 3 * none + two
    # x' = 64 - y, y' = x: the top left comes to the top right
    turned = none + one + none + minus + none + none
    turned += (64 * 0x10000).to_bytes(4, "big") + none + two
    content = path.read_bytes()
    header = content.index(b"tkhd")
    at = content.index(as_it_lies, header)
    path.write_bytes(content[:at] + turned + content[at + len(turned) :])
    with open_video(path) as video:
        frame = next(video.frames)
    assert frame.shape == (96, 64, 3)
    assert frame[10, -10].mean() > 180
    assert frame[10, 10].mean() < 60


def test_a_torn_video_is_named_after_what_can_be_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3), dtype=np.uint8)
    path = written(tmp_path, list(noise), suffix=".mkv")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_video(path) as video:
        seen = sum(1 for _ in video.frames)
    assert 0 < seen < 40


@pytest.mark.parametrize("content", [b"", b"no video", bytes(2000)], ids=["empty", "text", "zeros"])
def test_what_is_no_video_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    refused, video = (
        pytest.raises(ImageError, match=r"a\.mp4: cannot be read as a video"),
        open_video(path),
    )
    with refused, video:
        pass


def test_missing_and_unwritable_files_are_named(tmp_path: Path) -> None:
    refused, video = (
        pytest.raises(ImageError, match=r"none\.mp4: no such file"),
        open_video(tmp_path / "none.mp4"),
    )
    with refused, video:
        pass
    with pytest.raises(ImageError, match=r"film\.mp4: cannot be written: No such file"):
        written(tmp_path / "nowhere", [plain(32, 32, 0)] * 100)


def test_without_pyav_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    refused, video = (
        pytest.raises(ImageError, match=r"a video needs PyAV, .*pip install 'maenas\[video\]'"),
        open_video(tmp_path / "a.mp4"),
    )
    with refused, video:
        pass


def plain(height: int, width: int, level: int) -> Pixels:
    return np.full((height, width, 3), level, dtype=np.uint8)


def written(folder: Path, frames: list[Pixels], suffix: str = ".mp4") -> Path:
    path = folder / f"film{suffix}"
    with VideoWriter(path, NTSC) as writer:
        for frame in frames:
            writer.write(frame)
    return path
