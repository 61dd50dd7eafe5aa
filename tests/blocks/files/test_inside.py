"""No name in a file leads out of its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from maenas.blocks import SpecError
from maenas.blocks.files.inside import inside


@pytest.mark.parametrize(
    "name", ["a", "a/b.yaml", "./a", "..a", "a..", "a/.b", "a/../b", "größe", "a b"]
)
def test_a_name_inside_is_joined_to_the_folder(name: str) -> None:
    assert inside(Path("run"), name) == Path("run") / name


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("..", "leads out of it"),
        ("../other", "leads out of it"),
        ("a/../../other", "leads out of it"),
        ("a\\..\\..\\other", "leads out of it"),
        ("/etc/passwd", "is an absolute path"),
        ("\\\\server\\share", "is an absolute path"),
        ("C:/windows", "is an absolute path"),
        ("", "names nothing in it"),
        (".", "names nothing in it"),
        ("a/..", "names nothing in it"),
        ("a\0b", "holds a NUL, which no name of a file may"),
        ("n" * 256, "is too long: 256 bytes, a name of a file has at most 255"),
        ("é" * 200, "is too long: 400 bytes, a name of a file has at most 255"),
        ("n/" * 2000, "is too long: 4,000 bytes, a path has at most 2,048"),
        ("\ud800", "is not valid text"),
        (7, "is not text"),
        (None, "is not text"),
        (["a"], "is not text"),
    ],
)
def test_a_name_that_leads_anywhere_else_is_refused(name: object, wrong: str) -> None:
    with pytest.raises(SpecError) as told:
        inside(Path("run"), name, "searches.yaml: runs[0]")
    assert str(told.value).startswith("searches.yaml: runs[0]: must name something inside run: ")
    assert str(told.value).endswith(f"{wrong}.")
    assert len(str(told.value)) < 250
