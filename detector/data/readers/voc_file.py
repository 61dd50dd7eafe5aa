"""One XML file of Pascal VOC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import nan
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.plain_file import MIB, read_bytes
from maenas.blocks.files.words import shown
from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.values import class_name, number_fault, real, side, truth

LIMIT = 64 * MIB

ENCODING = re.compile(rb"""\s*<\?xml[^>]*?encoding=["']([\w.-]+)["']""")
MULTIBYTE = ("gb", "big5", "euc", "shift", "cp932", "cp936", "cp949", "ks_c", "iso-2022")
CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True, slots=True)
class VocObject:
    """An object in an XML file.

    Attributes:
        name: name of the class.
        box: (x1, y1, x2, y2) in pixels, counted from 0; NaN if it has a fault.
        difficult: whether the object is ignored, like a crowd.
        fault: what is wrong with the box; "" if it has four numbers.
    """

    name: str
    box: tuple[float, float, float, float]
    difficult: bool
    fault: str = ""


@dataclass(frozen=True, slots=True)
class VocFile:
    """Content of an XML file; if size is None, the image file gives it."""

    image: str
    size: tuple[int, int] | None
    objects: tuple[VocObject, ...]


def read_voc_file(path: Path) -> VocFile:
    """Read one XML file.

    VOC counts pixels from 1, and a box includes both end pixels.

    Raises:
        DataError: if the file cannot be read or is malformed.
    """
    content = read_bytes(path, limit=LIMIT, error=DataError)
    if not content.strip():
        raise DataError(f"{path}: is empty.")
    with parsing(path, error=DataError, wrong="is no XML"):
        encoding, content = _decoded(content)
        parser = ElementTree.XMLParser(target=_Tree(path), encoding=encoding)
        root = ElementTree.fromstring(content, parser)
    height, width = side(root.findtext("size/height")), side(root.findtext("size/width"))
    size = (height, width) if height and width else None  # some tools write 0 for unknown
    return VocFile(
        (root.findtext("filename") or "").strip(),
        size,
        tuple(_object(path, number, each) for number, each in enumerate(root.iter("object"), 1)),
    )


def _decoded(content: bytes) -> tuple[str | None, bytes]:
    """The encoding of a file and its content, as the parser of XML can take them.

    It knows no encoding with several bytes a character but UTF-8 and UTF-16; others, such as GBK,
    become UTF-8 here. None leaves the encoding to the file.
    """
    stated = ENCODING.match(content)
    name = stated[1].decode("ascii") if stated else "utf-8"
    if not name.lower().startswith(MULTIBYTE):
        return None, content
    return "utf-8", content.decode(name).encode("utf-8")


class _Tree(ElementTree.TreeBuilder):
    """Builder of the elements that refuses a document type: its entities can fill the memory."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise DataError(f"{self._path}: declares a DOCTYPE, which no annotation needs.")


def _object(path: Path, number: int, element: Element) -> VocObject:
    where = f"{path}: object {number}"
    name = class_name(f"{where}: name", (element.findtext("name") or "").strip())
    annotation = element.findtext("difficult") or "0"  # some tools leave it empty
    difficult = truth(annotation)
    fault = _fault(element.find("bndbox"))
    if difficult is None:
        fault = f"difficult must be 0 or 1, got {shown(annotation)}"
    if fault:
        return VocObject(name, (nan, nan, nan, nan), bool(difficult), fault)
    values = [real(element.findtext(f"bndbox/{corner}")) for corner in CORNERS]
    x1, y1, x2, y2 = (nan if value is None else value for value in values)
    # by VOC's rule xmax == xmin is a width of one pixel, but no tool means that
    box = (x1 - (x2 > x1), y1 - (y2 > y1), x2, y2)
    return VocObject(name, box, bool(difficult))


def _fault(box: Element | None) -> str:
    """What is wrong with a box, as the end of a sentence; "" if it has four numbers."""
    if box is None:
        return "has no bndbox"
    faults = (number_fault(corner, box.findtext(corner)) for corner in CORNERS)
    return next(filter(None, faults), "")
