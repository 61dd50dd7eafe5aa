"""Images and videos on the network, and cameras; nothing but the request itself is sent."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from http.client import HTTPException, HTTPResponse
from typing import Any, cast
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from maenas.blocks.files.plain_file import MIB
from maenas.blocks.plugins.extras import missing
from maenas.detector.media.addresses import LIVE, Address
from maenas.detector.media.images import ImageError, Pixels, decoded_image
from maenas.detector.media.reading_ahead import ReadingAhead
from maenas.detector.media.videos import DEFAULT_RATE, Video, named, pyav, video_stream

TIMEOUT_S = 10.0  # longest wait for a server or a camera
DOWNLOAD_S = 60.0  # longest time of a download
LARGEST_IMAGE = 128 * MIB
CHUNK = 1 << 18
NO_CAMERA = "no such camera, or another program uses it"


@contextmanager
def opened_url(address: Address) -> Iterator[HTTPResponse]:
    """The answer of a web server.

    Raises:
        ImageError: if there is none, or it is an error.
    """
    try:
        with urlopen(Request(address.url), timeout=TIMEOUT_S) as answer:
            yield cast(HTTPResponse, answer)
    except HTTPError as error:
        error.close()
        raise ImageError(f"{address}: the server answers {error.code} {error.reason}.") from None
    except TimeoutError:
        raise ImageError(f"{address}: no answer within {TIMEOUT_S:g} s.") from None
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise ImageError(f"{address}: no answer within {TIMEOUT_S:g} s.") from None
        why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise ImageError(f"{address}: cannot be reached: {why}.") from None


def content_type(address: Address) -> str:
    """The type that a web server states for a file, such as "image/jpeg"; "" if it states none.

    Raises:
        ImageError: if the server cannot be reached, or answers with an error.
    """
    with opened_url(address) as answer:
        return str(answer.headers.get("Content-Type", "")).partition(";")[0].strip().lower()


def read_remote_image(address: Address) -> Pixels:
    """Read an image from a web server.

    Raises:
        ImageError: if it cannot be reached, is too large or not an image.
    """
    content, until = io.BytesIO(), time.monotonic() + DOWNLOAD_S
    with opened_url(address) as answer:
        while part := answer.read(CHUNK):
            content.write(part)
            if content.tell() > LARGEST_IMAGE:
                limit = LARGEST_IMAGE // MIB
                raise ImageError(f"{address}: is larger than {limit} MiB, the limit of an image.")
            if time.monotonic() > until:
                raise ImageError(f"{address}: takes longer than {DOWNLOAD_S:g} s to download.")
    return decoded_image(content, address)


@contextmanager
def open_stream(address: Address) -> Iterator[Video]:
    """Open a video or a live stream on the network; a live one gives its newest frame.

    Raises:
        ImageError: if PyAV is missing, or it cannot be reached or read.
    """
    av = pyav(address)
    options = {"rtsp_transport": "tcp"} if address.scheme.startswith("rtsp") else {}
    with named(address, "cannot be read as a video"):
        container = av.open(address.url, options=options, timeout=TIMEOUT_S)
    is_live = address.scheme in LIVE
    _, rate, count, frames = video_stream(container, address)
    ahead = ReadingAhead(frames, newest=is_live)
    try:
        yield Video(iter(ahead), None if is_live else count, rate, is_live)
    finally:
        if ahead.stop(TIMEOUT_S):  # a container must not be closed while a thread reads it
            container.close()


@contextmanager
def open_camera(address: Address) -> Iterator[Video]:
    """Open a camera of this machine, which gives its newest frame.

    Raises:
        ImageError: if OpenCV is missing, or there is no such camera.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    try:
        import cv2 as untyped
    except ImportError:
        raise ImageError(missing("cv2", f"{address}: a camera")) from None
    cv2: Any = untyped
    capture = cv2.VideoCapture(address.camera)
    try:
        if not capture.isOpened():
            raise ImageError(f"{address}: {NO_CAMERA}.")
        stated = capture.get(cv2.CAP_PROP_FPS)
        rate = Fraction(stated).limit_denominator(1000) if 1 <= stated <= 1000 else DEFAULT_RATE
        ahead = ReadingAhead(_captured(capture, address), newest=True)
        try:
            yield Video(iter(ahead), None, rate, is_live=True)
        finally:
            ahead.stop(TIMEOUT_S)
    finally:
        capture.release()


def _captured(capture: Any, address: Address) -> Iterator[Pixels]:
    """The frames of a camera, RGB.

    Raises:
        ImageError: when the camera gives no further frame.
    """
    while True:
        is_read, frame = capture.read()
        if not is_read:
            raise ImageError(f"{address}: the camera gives no further image.")
        yield frame[..., ::-1].copy()  # OpenCV gives blue first
