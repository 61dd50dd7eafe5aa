"""What is found in a folder, and what operating systems and tools leave there."""

from __future__ import annotations

from pathlib import Path

from maenas.detector.media.images import find_sources
from maenas.detector.media.visible import all_visible_files, visible_files


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def found(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in all_visible_files(folder)]


def test_what_tools_leave_in_a_folder_is_no_file_of_the_user(tmp_path: Path) -> None:
    left = ("._a.jpg", ".ipynb_checkpoints/a.jpg", "__MACOSX/a.jpg", "b/__MACOSX/a.jpg")
    touched(tmp_path, "a.jpg", "a.xml", "b/a.jpg", *left)
    assert found(tmp_path) == ["a.jpg", "a.xml", "b/a.jpg"]
    assert [path.name for path in visible_files(tmp_path)] == ["a.jpg", "a.xml", "b"]
    assert [path.name for path in visible_files(tmp_path, ".xml")] == ["a.xml"]
    assert [str(source.name) for source in find_sources([str(tmp_path)])] == ["a.jpg", "b/a.jpg"]


def test_a_hidden_folder_that_is_named_is_searched(tmp_path: Path) -> None:
    assert found(touched(tmp_path / ".hidden", "a.jpg")) == ["a.jpg"]


def test_links_to_folders_are_followed_once_and_not_in_a_circle(tmp_path: Path) -> None:
    touched(tmp_path, "elsewhere/x/c.jpg", "set/images/train/sub/a.jpg", "set/images/val/v.jpg")
    train = tmp_path / "set" / "images" / "train"
    (train / "more").symlink_to(tmp_path / "elsewhere")
    (train / "again").symlink_to(train / "sub")  # sorts before the folder that it leads to
    (train / "self").symlink_to(train)
    (train / "above").symlink_to(tmp_path / "set")
    (train / "nowhere").symlink_to(train / "nowhere")
    (tmp_path / "elsewhere" / "x" / "back").symlink_to(tmp_path / "elsewhere")
    assert found(train) == ["more/x/c.jpg", "nowhere", "sub/a.jpg"]
