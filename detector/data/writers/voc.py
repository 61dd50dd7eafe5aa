"""Writer of Pascal VOC: one XML file per image, and lists of images in ImageSets/Main."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from maenas.blocks.files.atomic_write import write_text
from maenas.detector.data.dataset import DataError
from maenas.detector.data.samples import Sample
from maenas.detector.data.writers.data_yaml import write_data_yaml
from maenas.detector.data.writers.part import LeftOut, Part

ANNOTATIONS, IMAGES, LISTS = "Annotations", "JPEGImages", "ImageSets/Main"
CORNERS = ("xmin", "ymin", "xmax", "ymax")
THIN = "boxes of at most one pixel, which read as empty in Pascal VOC"
DIGITS = 3  # decimals of a pixel


class VocWriter:
    """Writer of `Annotations`, `JPEGImages` and `ImageSets/Main`; regions to ignore are difficult.

    VOC does not list its classes, so `data.yaml` keeps their order.
    """

    name = "voc"

    def class_names(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names without white space at their ends, which is no part of a name in VOC."""
        first: dict[str, str] = {}
        for name in names:
            other = first.setdefault(name.strip(), name)
            if other != name:
                raise DataError(
                    f"convert: classes {other!r} and {name!r} are the same in Pascal VOC; "
                    "rename one."
                )
        return tuple(first)

    def image_folder(self, split: str) -> Path:
        """Folder of the images, the same for every split."""
        return Path(IMAGES)

    def write(self, folder: Path, parts: Mapping[str, Part]) -> LeftOut:
        """Write one XML file per image, one list per split, and `data.yaml`."""
        for each in (ANNOTATIONS, LISTS):
            (folder / each).mkdir(parents=True, exist_ok=True)
        left = LeftOut()
        for split, part in parts.items():
            names = self.class_names(part.dataset.names)
            for file, sample in part.images():
                root = _annotation(file, sample, names, left)
                ElementTree.indent(root)
                text = ElementTree.tostring(root, encoding="unicode") + "\n"
                path = (folder / ANNOTATIONS / file).with_suffix(".xml")
                path.write_text(text, encoding="utf-8")
            stems = "".join(f"{Path(file).stem}\n" for file in part.files)
            write_text(folder / LISTS / f"{split}.txt", stems)
        write_data_yaml(folder, {"format": self.name}, names)
        return left


def _annotation(file: str, sample: Sample, names: tuple[str, ...], left: LeftOut) -> Element:
    """The XML tree of an image."""
    root = Element("annotation")
    SubElement(root, "folder").text = IMAGES
    SubElement(root, "filename").text = file
    size = SubElement(root, "size")
    height, width = sample.size
    for name, value in (("width", width), ("height", height), ("depth", 3)):
        SubElement(size, name).text = str(value)
    SubElement(root, "segmented").text = "0"
    for (x1, y1, x2, y2), label, crowd in zip(
        sample.boxes.tolist(), sample.labels.tolist(), sample.crowd, strict=True
    ):
        # pixels are counted from 1, and a box includes both end pixels
        corners = [round(value, DIGITS) for value in (x1 + 1, y1 + 1, x2, y2)]
        if corners[0] >= corners[2] or corners[1] >= corners[3]:
            left.counts[THIN] += 1
            continue
        element = SubElement(root, "object")
        SubElement(element, "name").text = names[label]
        SubElement(element, "pose").text = "Unspecified"
        SubElement(element, "truncated").text = "0"
        SubElement(element, "difficult").text = str(int(crowd))
        box = SubElement(element, "bndbox")
        for corner, value in zip(CORNERS, corners, strict=True):
            SubElement(box, corner).text = f"{value:.{DIGITS}f}".rstrip("0").rstrip(".")
    return root
