"""The sources that a detector can run on: files, addresses on the network, cameras."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from maenas.blocks.files.words import did_you_mean
from maenas.detector.media.addresses import LIVE, SCHEMES, WEB, Address, parse_address
from maenas.detector.media.images import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    ImageError,
    Source,
    find_sources,
)
from maenas.detector.media.remote import content_type

MOVING_TYPES = (
    "video/",
    "multipart/x-mixed-replace",  # images of a camera, one after the other
    "application/vnd.apple.mpegurl",
    "application/x-mpegurl",
    "application/dash+xml",
)
MOVING_SUFFIXES = VIDEO_SUFFIXES | {".m3u8", ".mjpg", ".mpd", ".ts"}


def find_media(names: Sequence[str]) -> list[Source]:
    """The images and videos that are named: files, as `find_sources`, and addresses.

    Args:
        names: files, folders, glob patterns, "0" or "webcam:0" for a camera, and addresses such as
            http://host/street.jpg or rtsp://host/stream.
    Raises:
        ImageError: if something does not exist, or an address is neither an image nor a video.
    """
    found: dict[object, Source] = {}
    for name in names:
        address = parse_address(name)
        if isinstance(address, Address):
            found.setdefault(address.url, _at(address))
        else:
            for source in find_sources([name if address is None else str(address)]):
                found.setdefault(source.path, source)
    return list(found.values())


def _at(address: Address) -> Source:
    """The source at an address; a web server is asked where its suffix does not say what it is."""
    suffix, moves = address.suffix.lower(), True
    if address.scheme in WEB:
        if suffix in IMAGE_SUFFIXES:
            moves = False
        elif suffix not in MOVING_SUFFIXES:
            kind = content_type(address)
            moves = kind.startswith(MOVING_TYPES)
            if not moves and not kind.startswith("image/"):
                raise ImageError(
                    f"{address}: is neither an image nor a video, but {kind or 'of no known type'}."
                )
    elif not address.is_camera and address.scheme not in LIVE:
        raise ImageError(f"{address}: cannot be opened{did_you_mean(address.scheme, SCHEMES)}")
    return Source(address, PurePath(address.name), moves)
