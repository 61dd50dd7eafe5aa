"""Sources that are no local files: addresses on a web server, streams, cameras."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maenas.detector.media import remote
from maenas.detector.media.addresses import Address, parse_address
from maenas.detector.media.images import ImageError
from maenas.detector.media.remote import open_camera, open_stream, read_remote_image
from maenas.detector.media.sources import find_media
from maenas.detector.media.videos import VideoWriter, open_video

SIDE = 32


def jpeg(value: int = 200) -> bytes:
    """A grey image."""
    content = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (value, value, value)).save(content, "jpeg")
    return content.getvalue()


class Server(BaseHTTPRequestHandler):
    """A web server with images, a video, a camera, and answers that are wrong."""

    video = b""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/missing.jpg":
            self.send_error(404, "Not Found")
        elif path == "/camera":
            self.motion()
        elif path == "/slow.jpg":
            time.sleep(0.6)
        else:
            kind, content = {
                "/a.jpg": ("image/jpeg", jpeg()),
                "/b": ("image/jpeg", jpeg()),
                "/page": ("text/html", b"<p>"),
                "/text.png": ("image/png", b"no image"),
                "/clip.mp4": ("video/mp4", self.video),
            }[path]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def motion(self) -> None:
        """Images one after the other until the client goes."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        part = jpeg()
        head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(part)}\r\n\r\n"
        try:
            while True:
                self.wfile.write(head.encode() + part + b"\r\n")
                time.sleep(0.01)
        except OSError:
            self.close_connection = True

    def log_message(self, *words: Any) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the server."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    with VideoWriter(path, Fraction(10)) as writer:
        for value in (0, 100, 200):
            writer.write(np.full((SIDE, SIDE, 3), value, np.uint8))
    Server.video = path.read_bytes()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_an_image_is_read_by_suffix_or_by_its_type(address: str) -> None:
    for name in ("a.jpg?size=1", "b"):
        (source,) = find_media([f"{address}/{name}"])
        assert not source.is_video
        assert isinstance(source.path, Address)
        assert read_remote_image(source.path).shape == (SIDE, SIDE, 3)


def test_a_video_is_read_to_its_end(address: str) -> None:
    (source,) = find_media([f"{address}/clip.mp4"])
    assert source.is_video
    with open_stream(Address(source.path)) as video:  # type: ignore[arg-type]
        frames = list(video.frames)
    assert [round(float(frame.mean()), -2) for frame in frames] == [0, 100, 200]
    assert video.count == 3


def test_a_camera_on_the_network_is_a_stream_that_ends_when_it_is_left(address: str) -> None:
    (source,) = find_media([f"{address}/camera"])
    assert source.is_video
    with open_stream(Address(source.path)) as video:  # type: ignore[arg-type]
        assert next(video.frames).shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.jpg", "the server answers 404 Not Found"),
        ("page", "is neither an image nor a video, but text/html"),
        ("text.png", "is not an image"),
        ("slow.jpg", "no answer within 0.3 s"),
    ],
)
def test_a_wrong_answer_is_one_line(
    address: str, name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "TIMEOUT_S", 0.3)
    with pytest.raises(ImageError, match=words) as refused:
        [read_remote_image(Address(one.path)) for one in find_media([f"{address}/{name}"])]
    assert str(refused.value).startswith(f"{address}/{name}: ")


def test_an_image_larger_than_the_limit_is_not_downloaded(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "LARGEST_IMAGE", 100)
    with pytest.raises(ImageError, match="is larger than"):
        read_remote_image(Address(f"{address}/a.jpg"))


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_server_that_does_not_answer_is_named_without_its_password(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "TIMEOUT_S", 1.0)
    wrong = Address(f"{scheme}://user:secret@127.0.0.1:1/stream.mp4")
    with (
        pytest.raises(ImageError, match="cannot be read as a video") as refused,
        open_stream(wrong),
    ):
        pass
    assert "user:***@127.0.0.1" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_scheme_that_is_unknown_is_refused_with_a_known_one() -> None:
    with pytest.raises(ImageError, match=r"ftp://host/a.jpg: cannot be opened; did you mean"):
        find_media(["ftp://host/a.jpg"])


def test_an_address_of_a_file_is_that_file(tmp_path: Path) -> None:
    path = tmp_path / "a picture.png"
    Image.new("RGB", (4, 4)).save(path)
    assert [source.path for source in find_media([path.as_uri()])] == [path]


def test_a_number_is_a_camera_unless_a_file_has_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [parse_address("0"), parse_address("webcam:2")] == ["webcam:0", "webcam:2"]
    (tmp_path / "0").write_bytes(jpeg())
    assert parse_address("0") is None
    (source,) = find_media(["webcam:2"])
    assert (source.is_video, str(source.name)) == (True, "webcam-2")


class Camera:
    """Camera 0, which gives blue images; there is no other."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.released = False
        made.append(self)

    def isOpened(self) -> bool:
        return self.number == 0

    def get(self, what: int) -> float:
        return 30.0

    def read(self) -> tuple[bool, Any]:
        frame = np.zeros((SIDE, SIDE, 3), np.uint8)
        frame[..., 0] = 255  # OpenCV's first channel is blue
        return True, frame

    def release(self) -> None:
        self.released = True


made: list[Camera] = []


def test_a_camera_gives_rgb_images_and_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = SimpleNamespace(VideoCapture=Camera, CAP_PROP_FPS=5)
    monkeypatch.setitem(sys.modules, "cv2", fake)
    with open_camera(Address("webcam:0")) as video:
        assert next(video.frames)[0, 0].tolist() == [0, 0, 255]
        assert (video.rate, video.is_live, video.count) == (30, True, None)
    assert made[-1].released
    with (
        pytest.raises(ImageError, match="webcam:7: no such camera"),
        open_camera(Address("webcam:7")),
    ):
        pass
    monkeypatch.setitem(sys.modules, "cv2", None)
    with (
        pytest.raises(ImageError, match=r"pip install 'maenas\[webcam\]'"),
        open_camera(Address("webcam:0")),
    ):
        pass


def test_a_film_of_a_live_stream_keeps_its_times(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    with VideoWriter(path, Fraction(30)) as writer:
        for second in (0.0, 0.5, 2.0):
            writer.write(np.zeros((SIDE, SIDE, 3), np.uint8), second)
    import av

    with av.open(str(path)) as film:
        times = [frame.time for frame in film.decode(video=0)]
    assert times == pytest.approx([0.0, 0.5, 2.0], abs=0.01)
    with open_video(path) as video:
        assert len(list(video.frames)) == 3
