"""A checksum inside a file, which detects a single changed bit when the file is read."""

from __future__ import annotations

import re
import zlib

BLANK = b"crc32:00000000"
_FIELD = re.compile(rb'crc32(?:": ")?:?([0-9a-f]{8})')


def seal(content: bytes) -> bytes:
    """The content with its CRC32 in place of the zeros after the first `crc32`.

    Args:
        content: content with `crc32:00000000`, or `"crc32": "00000000"` in JSON.
    """
    found = _FIELD.search(content)
    assert found is not None, "the content has no place for a checksum"
    assert found[1] == b"00000000", "the place for the checksum is taken"
    return _with(content, found.start(1), b"%08x" % zlib.crc32(content))


def has_checksum(content: bytes) -> bool:
    """Whether the content contains its CRC32."""
    return _FIELD.search(content) is not None


def is_intact(content: bytes) -> bool:
    """Whether the content matches its checksum; False if it has none."""
    found = _FIELD.search(content)
    if found is None:
        return False
    blank = _with(content, found.start(1), b"00000000")
    return b"%08x" % zlib.crc32(blank) == found[1]


def _with(content: bytes, offset: int, digits: bytes) -> bytes:
    changed = bytearray(content)
    changed[offset : offset + 8] = digits
    return bytes(changed)
