"""A checksum that a file carries in itself."""

from __future__ import annotations

import json

import pytest

from maenas.blocks.files.checksum import BLANK, has_checksum, is_intact, seal

CONTENTS = [
    b"format " + BLANK + b"\n" + bytes(range(256)),
    json.dumps({"format": "a@1", "crc32": "00000000", "history_crc32": 12345678}).encode(),
]


@pytest.mark.parametrize("content", CONTENTS, ids=["header", "json"])
def test_every_changed_bit_is_found(content: bytes) -> None:
    sealed = seal(content)
    assert len(sealed) == len(content)
    assert is_intact(sealed)
    for index in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[index] ^= 1 << bit
            assert not is_intact(bytes(changed)), (index, bit)


def test_a_content_without_a_place_for_it_has_none() -> None:
    assert not has_checksum(b'{"history_crc32": 12345678}')
    assert not is_intact(b'{"history_crc32": 12345678}')
    with pytest.raises(AssertionError, match="no place"):
        seal(b"{}")
    with pytest.raises(AssertionError, match="is taken"):
        seal(seal(CONTENTS[0]))
