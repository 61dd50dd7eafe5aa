"""The size of an upright image, read from its header, is that of the decoded image."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from maenas.detector.data.sizes import size_of
from maenas.detector.media.images import check_image, read_image
from maenas.detector.media.upright import upright_size

WIDE = np.zeros((20, 30, 3), dtype=np.uint8)


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def with_late_chunk(path: Path, kind: bytes, content: bytes) -> Path:
    """A PNG with a chunk after its pixels."""
    Image.fromarray(WIDE).save(path)
    whole = path.read_bytes()
    end = whole.index(b"IEND") - 4
    path.write_bytes(whole[:end] + chunk(kind, content) + whole[end:])
    return path


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}], ids=["raw", "lzw"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_of_a_tiff_in_its_header_is_that_of_its_pixels(tmp_path, orientation, options):
    path = tmp_path / "a.tif"
    Image.fromarray(WIDE).save(path, exif=exif_of(orientation), **options)
    size = read_image(path).shape[:2]
    assert size == ((30, 20) if orientation > 4 else (20, 30))
    assert size_of(path) == size
    check_image(path, size)
    assert read_image(path, size).shape[:2] == size
    with Image.open(path) as image:
        image.load()  # after which Pillow forgets the orientation
        assert upright_size(image) == size


def test_an_orientation_after_the_pixels_of_a_png_counts(tmp_path):
    late = {
        b"eXIf": exif_of(6).tobytes()[6:],
        b"iTXt": b'XML:com.adobe.xmp\0\0\0\0\0<rdf tiff:Orientation="6"/>',
    }
    for kind, content in late.items():
        path = with_late_chunk(tmp_path / "a.png", kind, content)
        assert read_image(path).shape[:2] == (30, 20)
        assert size_of(path) == (30, 20)
        check_image(path, (30, 20))
        assert read_image(path, (30, 20)).shape[:2] == (30, 20)


def test_texts_after_the_pixels_of_a_png_do_not_make_it_decoded(tmp_path, monkeypatch):
    path = with_late_chunk(tmp_path / "a.png", b"tEXt", b"date:create\x002026")
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("decoded"))
    assert size_of(path) == (20, 30)
