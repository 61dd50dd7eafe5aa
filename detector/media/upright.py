"""Size and orientation of an image from its header, as the decoded image has them.

One place decides, because the formats differ in Pillow: opening or loading a TIFF exchanges width
and height, and a PNG may hold its orientation after its pixels.
"""

from __future__ import annotations

from typing import IO

from PIL import Image

ORIENTATION = 0x0112  # EXIF tag
SIDEWAYS = range(5, 9)  # orientations that exchange width and height
TIFF_WIDTH, TIFF_HEIGHT = 256, 257  # tags of the stored image
PNG_SIGNATURE = 8  # bytes before the first chunk
PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
PNG_KEYWORDS = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")  # texts with an orientation


def upright_size(image: Image.Image) -> tuple[int, int]:
    """(height, width) of an open image when it is upright; the pixels are not decoded."""
    width, height = image.size
    if not is_sideways(image):
        return height, width
    if image.format == "TIFF":  # the size is exchanged already, depending on Pillow's version
        tags = getattr(image, "tag_v2", {})
        width, height = tags.get(TIFF_WIDTH, width), tags.get(TIFF_HEIGHT, height)
    return width, height


def is_sideways(image: Image.Image) -> bool:
    """Whether the stored image needs a quarter turn to be upright."""
    return orientation_of(image) in SIDEWAYS


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation of an open image; 1 if it has none."""
    if image.format == "PNG" and not _has_late_orientation(image):
        # the method of PNG decodes the pixels to look for tags after them
        exif = Image.Image.getexif(image)
    else:
        exif = image.getexif()
    found = exif.get(ORIENTATION, 1)
    return found if isinstance(found, int) else 1


def _has_late_orientation(image: Image.Image) -> bool:
    """Whether a PNG may hold its orientation after its pixels."""
    file: IO[bytes] | None = getattr(image, "fp", None)
    if "exif" in image.info or file is None:  # it is known, or everything has been read
        return False
    before = file.tell()
    try:
        return _late_orientation(file)
    finally:
        file.seek(before)


def _late_orientation(file: IO[bytes]) -> bool:
    has_pixels, place = False, PNG_SIGNATURE
    while True:
        file.seek(place)
        header = file.read(8)
        kind = header[4:]
        if len(header) < 8 or kind == b"IEND":
            return False
        has_pixels |= kind == b"IDAT"
        if has_pixels and kind == b"eXIf":
            return True
        longest = max(map(len, PNG_KEYWORDS))
        if has_pixels and kind in PNG_TEXTS and file.read(longest).startswith(PNG_KEYWORDS):
            return True
        place += 12 + int.from_bytes(header[:4], "big")  # length, kind and checksum: 4 bytes each
