"""Addresses of cameras, streams and files on the network, as a user types them."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

CAMERA = re.compile(r"(?:webcam:)?(\d{1,3})")
SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
LIVE = frozenset("rtmp rtmps rtp rtsp rtsps srt tcp udp".split())
WEB = frozenset(("http", "https"))
SCHEMES = (*sorted(WEB), *sorted(LIVE), "file")
LONGEST_NAME = 80  # characters of the name of a result file
PASSWORD = re.compile(r"(?<=//)([^/@:]*):[^/@]*@")


class Address(str):
    """The text of an address, in which a password is replaced by stars.

    It has `name`, `stem` and `suffix` as a path has.

    Attributes:
        url: address with its password, to be opened; "0" for camera 0.
    """

    url: str

    def __new__(cls, url: str) -> Address:
        made = super().__new__(cls, PASSWORD.sub(r"\1:***@", url))
        made.url = url
        return made

    @property
    def scheme(self) -> str:
        """The scheme, such as "rtsp", in small letters; "webcam" for a camera."""
        return self.partition(":")[0].lower()

    @property
    def is_camera(self) -> bool:
        """Whether it is a camera of this machine."""
        return self.scheme == "webcam"

    @property
    def camera(self) -> int:
        """Number of the camera."""
        return int(self.partition(":")[2])

    @property
    def _path(self) -> PurePath:
        """The last part of the path, or the host, as a file name."""
        if self.is_camera:
            return PurePath(f"webcam-{self.camera}")
        parts = urlsplit(self.url)
        name = PurePath(unquote(parts.path)).name or parts.hostname or "stream"
        return PurePath(re.sub(r"[^\w.-]", "_", name)[-LONGEST_NAME:])

    @property
    def name(self) -> str:
        """Name of the file, or of the host."""
        return self._path.name

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return self._path.stem

    @property
    def suffix(self) -> str:
        """Suffix of the name, such as ".mp4"."""
        return self._path.suffix


def parse_address(text: str) -> Address | Path | None:
    """The address in a text; a path for file://, None for a path or glob pattern.

    A number is a camera unless a file has that name.
    """
    found = CAMERA.fullmatch(text)
    if found and not Path(text).exists():
        return Address(f"webcam:{int(found[1])}")
    scheme = SCHEME.match(text)
    if scheme is None:
        return None
    if scheme[1].lower() == "file":
        parts = urlsplit(text)
        host = f"//{parts.netloc}" if parts.netloc not in ("", "localhost") else ""
        return Path(url2pathname(host + parts.path))
    return Address(text)
