"""Finding and reading images: upright, RGB, uint8."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path, PurePath
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from maenas.blocks.errors import MaenasError
from maenas.blocks.files.plain_file import GIB, require_file
from maenas.blocks.files.suffixes import suffix_of
from maenas.detector.media.addresses import Address
from maenas.detector.media.upright import is_sideways, orientation_of, upright_size
from maenas.detector.media.visible import all_visible_files, is_visible

Pixels = NDArray[np.uint8]  # (height, width, 3), RGB

IMAGE_SUFFIXES = frozenset(
    (
        ".avif .bmp .dib .gif .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .tga .tif .tiff "
        ".webp"
    ).split()
)
# Formats of cameras and phones that Pillow does not read.
UNREADABLE_SUFFIXES = frozenset(".arw .cr2 .cr3 .dng .heic .heif .jxl .nef".split())
VIDEO_SUFFIXES = frozenset(".avi .m4v .mkv .mov .mp4 .mpeg .mpg .webm .wmv".split())
# Errors of Pillow's readers on damaged files, found by damaging files; they share no base class.
DAMAGED = (OSError, SyntaxError, ValueError, RuntimeError, EOFError, struct.error)
LARGEST = 2 * GIB  # bytes, maximum size of a file
TOO_LARGE = (Image.DecompressionBombError, MemoryError)
WHITE = (255, 255, 255)
MAX_PIXELS = 2**26  # 8192 x 8192; decoding needs about 10 bytes per pixel
LIMIT_VARIABLE = "MAENAS_MAX_PIXELS"  # environment variable that raises the limit


class ImageError(MaenasError):
    """An image or video cannot be used; the message names the file and the cause."""


@dataclass(frozen=True, slots=True)
class Source:
    """An image or video to run the detector on.

    Attributes:
        path: path of the image or video, or its address.
        name: file name relative to the folder that the user named, for results.
        moves: whether an address leads to a video or a stream.
    """

    path: Path | Address
    name: PurePath
    moves: bool = False

    @property
    def is_video(self) -> bool:
        """Whether it has several images: the file has a video suffix, or the address moves."""
        return self.moves or suffix_of(self.path) in VIDEO_SUFFIXES


def find_sources(names: Sequence[str]) -> list[Source]:
    """Find the images and videos in files, folders with subfolders, and glob patterns.

    A file that is named itself may have any suffix. Folders and patterns give only images and
    videos that are not hidden. Each file comes once.

    Returns:
        Files in the order named; those of a folder or pattern sorted by path.
    Raises:
        ImageError: if a named path does not exist or holds no image.
    """
    found: dict[object, Source] = {}
    for name in names:
        for source in _sources(name):
            found.setdefault(source.path, source)
    return list(found.values())


def read_image(
    path: Path, size: tuple[int, int] | None = None, least: tuple[int, int] | None = None
) -> Pixels:
    """Read the first image in a file.

    Args:
        path: path of the image.
        size: required (height, width) of the upright image; None for any.
        least: minimum (height, width) of the result. A JPEG is then decoded at 1/2, 1/4 or 1/8 of
            its sides where the result is large enough, which saves most of the time. None for
            full size.
    Raises:
        ImageError: if it is missing, empty, damaged, not an image, too large, or of another size.
    """
    with opened_image(path) as image:
        if size is not None:
            require_size(image, size, path)
        if least is not None:
            height, width = reversed(least) if is_sideways(image) else least
            image.draft(None, (width, height))
        _require_decodable(image, path)
        return to_pixels(image, str(path))


def decoded_image(content: IO[bytes], where: str) -> Pixels:
    """The first image in the content of a file; `where` names it in errors.

    Raises:
        ImageError: if it is empty, damaged, not an image or too large.
    """
    with _as_image_error(where), _quietly(content) as image:
        _require_decodable(image, where)
        return to_pixels(image, where)


def check_image(path: Path, size: tuple[int, int]) -> None:
    """Decode a whole image, at the lowest resolution of its format, to find damage.

    Args:
        path: path of the image.
        size: required (height, width) of the upright image.
    Raises:
        ImageError: in the cases of `read_image`.
    """
    with opened_image(path) as image:
        require_size(image, size, path)
        image.draft(None, (1, 1))
        _require_decodable(image, path)
        image.load()
        _require_range(image, str(path))


@contextmanager
def opened_image(path: Path) -> Iterator[Image.Image]:
    """Open an image and read its header; errors inside the block name the file.

    Raises:
        ImageError: if it is missing, empty, damaged, not an image, or not a file.
    """
    require_file(path, limit=LARGEST, error=ImageError)
    with _as_image_error(path):
        if path.stat().st_size == 0:
            raise ImageError(f"{path}: is empty.")
        with _quietly(path) as image:
            yield image


@contextmanager
def _quietly(content: Path | IO[bytes]) -> Iterator[Image.Image]:
    """Open an image without warnings of Pillow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # large images and odd metadata are accepted
        with Image.open(content) as image:
            yield image


@contextmanager
def _as_image_error(path: Path | str) -> Iterator[None]:
    """Convert errors of Pillow to an `ImageError` that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file.") from None
    except UnidentifiedImageError:
        suffix = suffix_of(path)
        if suffix in UNREADABLE_SUFFIXES:
            what = f"is {suffix}, which cannot be read; convert it to .jpg or .png."
            raise ImageError(f"{path}: {what}") from None
        raise ImageError(f"{path}: is not an image, or of a format Pillow lacks.") from None
    except TOO_LARGE:
        raise ImageError(f"{path}: is too large to read{_raised(0)}.") from None
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: cannot be read: {str(reason).rstrip('.')}.") from None


def max_pixels() -> int:
    """Maximum number of pixels of an image that is decoded.

    Raises:
        ImageError: if the environment variable for the limit is not a number.
    """
    text = os.environ.get(LIMIT_VARIABLE, "")
    if not text:
        return MAX_PIXELS
    if not text.isdecimal() or len(text) > 12:
        raise ImageError(f"{LIMIT_VARIABLE}: must be a number of pixels, got {text[:40]!r}.")
    # Pillow rejects an image above twice its own limit before we see the size
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, int(text))
    return int(text)


def _raised(pixels: int) -> str:
    """Advice on raising the limit, for the end of a message."""
    return f"; to read it, set {LIMIT_VARIABLE}={max(pixels, 2 * MAX_PIXELS)}, or crop it"


def _require_decodable(image: Image.Image, path: Path | str) -> None:
    pixels, limit = image.width * image.height, max_pixels()
    if pixels > limit:
        raise ImageError(
            f"{path}: has {image.width}x{image.height} pixels, more than {limit:,} take too much "
            f"memory{_raised(pixels)}."
        )


def require_size(image: Image.Image, size: tuple[int, int], path: Path) -> None:
    found = upright_size(image)
    if found != size:
        (height, width), (tall, wide) = size, found
        raise ImageError(
            f"{path}: is {wide}x{tall} when upright, its labels are for {width}x{height}."
        )


def to_pixels(image: Image.Image, where: str = "image") -> Pixels:
    """Convert a Pillow image to upright RGB, uint8.

    Grey becomes RGB, 16-bit grey levels are divided by 256 and rounded down, and transparency
    becomes white.

    Args:
        image: Pillow image of any mode except 32-bit float, which has no standard range.
        where: name of the image in errors.
    Raises:
        ImageError: if it has no pixels, or values without a standard range.
    """
    _require_range(image, where)
    # Pillow copies an image even if no rotation or conversion is needed, as slow as reading it.
    upright = ImageOps.exif_transpose(image) if orientation_of(image) != 1 else image
    if upright.mode == "I" or upright.mode.startswith("I;16"):
        grey = np.asarray(upright).astype(np.int32).clip(0, 65535) >> 8
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    if upright.has_transparency_data:
        layered = upright.convert("RGBA")
        upright = Image.new("RGB", layered.size, WHITE)
        upright.paste(layered, mask=layered)
    return np.array(upright if upright.mode == "RGB" else upright.convert("RGB"))


def _require_range(image: Image.Image, where: str) -> None:
    if 0 in image.size:
        raise ImageError(f"{where}: has no pixels ({image.width}x{image.height}).")
    if image.mode == "F":
        raise ImageError(f"{where}: holds 32-bit floats; save it with 8 or 16 bits.")


def _sources(name: str) -> Iterator[Source]:
    path = Path(name)
    if os.path.isdir(path):  # false, not an error, for a name that is too long
        files = [file for file in all_visible_files(path) if _is_wanted(file)]
        if not files:
            raise ImageError(f"{path}: holds no image or video ({_known()}).")
        yield from (Source(file, file.relative_to(path)) for file in files)
    elif os.path.exists(path):
        yield Source(path, PurePath(path.name))
    elif any(sign in name for sign in "*?["):
        matches = sorted(map(Path, glob(name, recursive=True)))
        files = [file for file in matches if is_visible(file.name) and _is_wanted(file)]
        if not files:
            raise ImageError(f"{name}: matches no image or video ({_known()}).")
        shared = _shared_folder(files)
        yield from (Source(file, file.relative_to(shared)) for file in files)
    else:
        raise ImageError(f"{name}: no such file or folder.")


def _is_wanted(file: Path) -> bool:
    return suffix_of(file) in IMAGE_SUFFIXES | VIDEO_SUFFIXES and file.is_file()


def _shared_folder(files: Sequence[Path]) -> Path:
    """The deepest folder that holds all files."""
    return next(
        folder for folder in files[0].parents if all(folder in file.parents for file in files)
    )


def _known() -> str:
    return " ".join(sorted(IMAGE_SUFFIXES | VIDEO_SUFFIXES))
