"""Reader of Objects365: COCO files whose images lie in folders of patches."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from maenas.blocks.files.suffixes import in_any_case, suffix_of
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.readers.coco.reader import SUFFIX, names_in, read_coco
from maenas.detector.data.readers.source import SPLITS, DataSource, Reader

# Names of the annotation files of version 2 and 1, and the folders that they are extracted to.
FILES = ("zhiyuan_objv2_{split}.json", "objects365_{split}.json")
FOLDERS = (".", "annotations", "{split}")


class Objects365Reader(Reader):
    """Reader of the published files, with images in `train/patch0` or `images/v1/patch0`.

    A file names its images `images/v1/patch8/objects365_v1_00420917.jpg`. They are searched for by
    the whole name, by its last two parts and by the file alone, in the usual folders of COCO.
    """

    name: ClassVar[str] = "objects365"
    looks_like: ClassVar[str] = f"folder of Objects365 with {FILES[0].format(split='train')}"

    def recognises(self, source: DataSource) -> bool:
        """Whether a published annotation file is there, and no `data.yaml` with paths of images."""
        if any(source.keys.get(split) for split in SPLITS) or suffix_of(source.path) == SUFFIX:
            return False
        return bool(_files(source.folder))

    def splits(self, source: DataSource) -> tuple[str, ...]:
        """The splits that have an annotation file."""
        return tuple(_files(source.folder))

    def names(self, source: DataSource) -> tuple[str, ...]:
        """The categories of the training images, or of the first split that is there."""
        files = _files(source.folder)
        split = next(iter(files), SPLITS[0])
        return names_in(_file(source, split))

    def files(self, source: DataSource, split: str) -> tuple[Path, ...]:
        """The annotation file, and the `data.yaml` if there is one."""
        return (*((source.path,) if source.keys else ()), _file(source, split))

    def read(self, source: DataSource, split: str) -> Dataset:
        """The images of a split; patches that are not on the disk are left out and reported."""
        return read_coco(_file(source, split), source.folder)


def _file(source: DataSource, split: str) -> Path:
    files = _files(source.folder)
    if split not in files:
        listed = " and ".join(files) or f"no {FILES[0].format(split=split)}"
        raise DataError(f"{source.path}: has no split {split!r}, but {listed}.")
    return files[split]


def _files(folder: Path) -> dict[str, Path]:
    """The annotation file of each split."""
    found = {}
    for split in SPLITS:
        tried = [
            in_any_case(folder / place.format(split=split) / name.format(split=split), DataError)
            for name in FILES
            for place in FOLDERS
        ]
        file = next((path for path in tried if path.is_file()), None)
        if file is not None:
            found[split] = file
    return found
