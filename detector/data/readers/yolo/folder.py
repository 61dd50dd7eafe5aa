"""Folder with images and YOLO labels, but without a `data.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from maenas.blocks.files.plain_file import MIB, read_text
from maenas.blocks.files.suffixes import suffix_of
from maenas.detector.data.dataset import DataError
from maenas.detector.data.paths import class_names
from maenas.detector.data.readers.source import ROBOFLOW_FOLDERS
from maenas.detector.media.images import IMAGE_SUFFIXES
from maenas.detector.media.visible import all_visible_files, visible_files

NAMES_FILES = ("classes.txt", "obj.names")  # of LabelImg and Label Studio; of darknet
NAMES_LIMIT = 16 * MIB
# Text files that tools write beside label files, by the name without suffix.
NO_LABELS = frozenset(("classes", "labels", "README"))
WHOLE = "train"  # split of a folder that has no splits


def label_file(image: Path) -> Path:
    """Path of an image's label file: the last folder `images` of the path becomes `labels`."""
    parts = list(image.parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == "images":
            parts[index] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def label_folder(images: Path) -> Path:
    """Folder of the label files of a folder of images."""
    return label_file(images / "any").parent


def split_folders(folder: Path) -> dict[str, Path]:
    """Folder of the labelled images of each split; {} if the folder holds no YOLO labels.

    Images are in `images/SPLIT`, `SPLIT/images` or `images`, with labels in the same place below
    `labels`; or beside their labels in `SPLIT` or in the folder itself.
    """
    names = ROBOFLOW_FOLDERS
    forms: list[dict[str, list[Path]]] = [
        {split: [folder / "images" / name for name in some] for split, some in names.items()},
        {split: [folder / name / "images" for name in some] for split, some in names.items()},
        {WHOLE: [folder / "images"]},
        {split: [folder / name for name in some] for split, some in names.items()},
        {WHOLE: [folder]},
    ]
    for form in forms:
        found = {split: next(filter(_is_labelled, places), None) for split, places in form.items()}
        if any(found.values()):
            return {split: place for split, place in found.items() if place is not None}
    return {}


def names_of_folder(folder: Path, splits: Mapping[str, Path]) -> tuple[str, ...] | None:
    """Class names in the file that a labelling tool left; None without such a file.

    Args:
        folder: folder of the data set.
        splits: folder of the images of each split.
    Raises:
        DataError: if there are several lists that differ, or a name is missing or repeated.
    """
    places = [folder, folder / "labels"]
    places += [place for images in splits.values() for place in (label_folder(images), images)]
    files = [place / name for place in dict.fromkeys(places) for name in NAMES_FILES]
    lists = {file: _names_in(file) for file in files if file.is_file()}
    first = next(iter(lists), None)
    if first is None:
        return None
    for file, names in lists.items():
        if names != lists[first]:
            raise DataError(f"{file}: lists other classes than {first}; correct or delete one.")
    return lists[first]


def _names_in(file: Path) -> tuple[str, ...]:
    """Class names in a file, one a line."""
    lines = read_text(file, limit=NAMES_LIMIT, error=DataError).rstrip().splitlines()
    if not lines:
        raise DataError(f"{file}: is empty; write the name of a class in each line.")
    return class_names(file, {"names": [line.strip() for line in lines]})


def _is_labelled(images: Path) -> bool:
    """Whether a folder holds images that have label files; subfolders count in `images`."""
    labels = label_folder(images)
    if not images.is_dir() or not labels.is_dir():
        return False
    files = visible_files(images) if labels == images else all_visible_files(images)
    stems = {file.stem for file in files if suffix_of(file) in IMAGE_SUFFIXES} - NO_LABELS
    texts = files if labels == images else all_visible_files(labels)
    return any(suffix_of(file) == ".txt" and file.stem in stems for file in texts)
