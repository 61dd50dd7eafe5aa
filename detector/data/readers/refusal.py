"""Reasons why a folder or file is no data set: what was found there, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from maenas.blocks.files.suffixes import suffix_of
from maenas.detector.data.paths import GENERIC
from maenas.detector.data.readers.source import ROBOFLOW_FOLDERS
from maenas.detector.data.readers.yolo.folder import (
    NAMES_FILES,
    NO_LABELS,
    label_folder,
    split_folders,
)
from maenas.detector.media.images import IMAGE_SUFFIXES
from maenas.detector.media.visible import visible_files

LISTS = (".json", ".csv", ".tsv")  # suffixes of annotation files
LIST_FOLDERS = ("", "annotations", "labels")  # folders of annotation files
ARCHIVES = frozenset((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"))
PARTS = GENERIC | {"valid", "test"}  # names of folders that are a part of a data set
MOST_FOLDERS = 50  # folders in a folder that are looked at
SHOWN = 2  # folders with images that are named


def fault_of_folder(folder: Path, forms: str, is_data_set: Callable[[Path], bool]) -> str:
    """Reason why a folder is no data set, as the rest of a sentence about it.

    Args:
        folder: folder that no reader recognises.
        forms: what a data set may be.
        is_data_set: function that says whether a reader recognises another folder.
    """
    inside = [path for path in visible_files(folder) if path.is_dir()][:MOST_FOLDERS]
    around = folder.parents[:2] if folder.name.lower() in PARTS else ()
    meant = next(filter(is_data_set, (*inside, *around)), None)
    if meant is not None:
        return f"is no data set, but {meant} is one."
    labelled = split_folders(folder)
    if labelled:
        places = {split: _relative(path, folder) for split, path in labelled.items()}
        held = "its images" if "." in places.values() else f"images in {_and(places.values())}"
        unnamed = f"neither data.yaml nor {' nor '.join(NAMES_FILES)}"
        return (
            f"holds {held} with YOLO labels, but {unnamed}, so the names of the classes are "
            f"unknown; {_yaml(folder, places, names=True)}."
        )
    folders = [place for place in (folder, *inside, *_below(inside)) if _has_images(place)]
    lists = _lists(folder)
    if lists:
        return f"holds no data.yaml; {lists}."
    xml = next((place for place in inside if visible_files(place, ".xml")), None)
    if xml is not None and folders:
        return (
            f"holds .xml files in {xml.name} and images in {_relative(folders[0], folder)}; for "
            "Pascal VOC, name these folders Annotations and JPEGImages."
        )
    if not folders:
        return f"holds no data.yaml and no images, and is not a {forms}."
    where = _and([_relative(place, folder) for place in folders[:SHOWN]])
    beside = next(filter(_has_labels_beside, folders), None)
    if beside is not None:
        return (
            f"holds label files beside the images in {where}, where they are not read; move them "
            f"to {label_folder(beside)}."
        )
    place = "" if where == "." else f" in {where}" + (" .." if len(folders) > SHOWN else "")
    return (
        f"holds images{place}, but no data.yaml and no labels; `maenas detect MODEL {folder}` "
        "finds objects in images without labels."
    )


def fault_of_file(path: Path, forms: str) -> str:
    """Reason why a file is no data set, as the rest of a sentence about it."""
    if suffix_of(path) in ARCHIVES:
        return "is an archive; unpack it, and give the folder."
    if suffix_of(path) in (".xml", ".txt", ".names") or suffix_of(path) in IMAGE_SUFFIXES:
        return f"is a part of a data set at most; give its folder, such as {path.parent}."
    return f"must be a data.yaml, a folder with one, or a {forms}."


def _lists(folder: Path) -> str:
    """Advice to give the annotation files of a folder; "" if there is none."""
    found = [
        file
        for place in LIST_FOLDERS
        if (folder / place).is_dir()
        for suffix in LISTS
        for file in visible_files(folder / place, suffix)
    ]
    if not found:
        return ""
    splits = {
        split: file
        for split, names in ROBOFLOW_FOLDERS.items()
        for file in reversed(found)
        if any(name in file.stem.lower() for name in names)
    }
    first = splits.get("train", found[0])
    if len(splits) < 2 and first.parent == folder:
        return f"if {first.name} lists its objects, give {first}"
    splits = splits or {"train": first}
    places = {split: _relative(file, folder) for split, file in splits.items()}
    lists = "lists its" if len(places) == 1 else "list its"
    return f"if {_and(places.values())} {lists} objects, {_yaml(folder, places)}"


def _yaml(folder: Path, places: Mapping[str, str], names: bool = False) -> str:
    """Advice to write a `data.yaml` with these lines."""
    lines = [f"`{split}: {place}`" for split, place in places.items()]
    lines += ["`names: [NAME OF CLASS 0, NAME OF CLASS 1, ..]`"] if names else []
    return f"write {_and(lines)} into {folder / 'data.yaml'}"


def _below(folders: Sequence[Path]) -> list[Path]:
    """Folders in folders, as in `images/train`."""
    found = [path for folder in folders for path in visible_files(folder) if path.is_dir()]
    return found[:MOST_FOLDERS]


def _has_images(folder: Path) -> bool:
    return any(suffix_of(file) in IMAGE_SUFFIXES for file in visible_files(folder))


def _has_labels_beside(folder: Path) -> bool:
    """Whether label files lie beside their images, where they are not read."""
    files = visible_files(folder)
    stems = {file.stem for file in files if suffix_of(file) in IMAGE_SUFFIXES} - NO_LABELS
    return label_folder(folder) != folder and any(
        suffix_of(file) == ".txt" and file.stem in stems for file in files
    )


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
